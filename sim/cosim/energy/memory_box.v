// What a memory does, and how often it is asked to while a program runs: at the end, a line of `memories.txt` for each.
// A clocked port reads in every cycle in which it is enabled; one without a clock, in every cycle with a new address.
module memory_box #(
  parameter SIZE = 4, parameter ABITS = 2, parameter WIDTH = 8, parameter RD_PORTS = 1,
  parameter RD_CLK_ENABLE = 1'b1, parameter WR_PORTS = 1
) (
  input clk, input [RD_PORTS-1:0] rd_en, input [RD_PORTS*ABITS-1:0] rd_addr, output [RD_PORTS*WIDTH-1:0] rd_data,
  input [WR_PORTS*WIDTH-1:0] wr_en, input [WR_PORTS*ABITS-1:0] wr_addr, input [WR_PORTS*WIDTH-1:0] wr_data
);
  localparam [RD_PORTS-1:0] CLOCKED = RD_CLK_ENABLE;
  reg [WIDTH-1:0] rows [0:SIZE-1];
  reg [RD_PORTS*WIDTH-1:0] shown = 0;
  reg [RD_PORTS*ABITS-1:0] last_addr = 0;
  integer reads = 0, writes = 0, port, place, file;
  initial for (place = 0; place < SIZE; place = place + 1) rows[place] = 0;
  always @(posedge clk) begin
    last_addr <= rd_addr;
    for (port = 0; port < RD_PORTS; port = port + 1)
      if (CLOCKED[port]) begin
        if (rd_en[port]) begin
          shown[port*WIDTH +: WIDTH] <= rows[rd_addr[port*ABITS +: ABITS]];
          reads = reads + running;
        end
      end else if (rd_addr[port*ABITS +: ABITS] != last_addr[port*ABITS +: ABITS]) reads = reads + running;
    for (port = 0; port < WR_PORTS; port = port + 1) begin
      if (|wr_en[port*WIDTH +: WIDTH]) writes = writes + running;
      for (place = 0; place < WIDTH; place = place + 1)
        if (wr_en[port*WIDTH + place]) rows[wr_addr[port*ABITS +: ABITS]][place] <= wr_data[port*WIDTH + place];
    end
  end
  genvar each;
  generate
    for (each = 0; each < RD_PORTS; each = each + 1) begin : ports
      assign rd_data[each*WIDTH +: WIDTH] =
        CLOCKED[each] ? shown[each*WIDTH +: WIDTH] : rows[rd_addr[each*ABITS +: ABITS]];
    end
  endgenerate
  final begin
    file = $fopen("memories.txt", "a");
    $fdisplay(file, "%m %0d %0d %0d %0d", SIZE, WIDTH, reads, writes);
    $fclose(file);
  end
endmodule
