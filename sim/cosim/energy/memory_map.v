// For yosys: every memory becomes a box of its own, with all of its ports, outside of the cells.
(* techmap_celltype = "$mem_v2" *)
module memory_to_box (RD_CLK, RD_EN, RD_ARST, RD_SRST, RD_ADDR, RD_DATA, WR_CLK, WR_EN, WR_ADDR, WR_DATA);
  parameter MEMID = "", SIZE = 4, OFFSET = 0, ABITS = 2, WIDTH = 8, INIT = 1'bx;
  parameter RD_PORTS = 1, RD_CLK_ENABLE = 1'b1, RD_CLK_POLARITY = 1'b1, RD_TRANSPARENCY_MASK = 1'b0;
  parameter RD_COLLISION_X_MASK = 1'b0, RD_WIDE_CONTINUATION = 1'b0, RD_CE_OVER_SRST = 1'b0, RD_ARST_VALUE = 1'b0;
  parameter RD_SRST_VALUE = 1'b0, RD_INIT_VALUE = 1'b0;
  parameter WR_PORTS = 1, WR_CLK_ENABLE = 1'b1, WR_CLK_POLARITY = 1'b1, WR_PRIORITY_MASK = 1'b0;
  parameter WR_WIDE_CONTINUATION = 1'b0;
  input [RD_PORTS-1:0] RD_CLK, RD_EN, RD_ARST, RD_SRST;
  input [RD_PORTS*ABITS-1:0] RD_ADDR;
  output [RD_PORTS*WIDTH-1:0] RD_DATA;
  input [WR_PORTS-1:0] WR_CLK;
  input [WR_PORTS*WIDTH-1:0] WR_EN, WR_DATA;
  input [WR_PORTS*ABITS-1:0] WR_ADDR;
  memory_box #(.SIZE(SIZE), .ABITS(ABITS), .WIDTH(WIDTH), .RD_PORTS(RD_PORTS), .RD_CLK_ENABLE(RD_CLK_ENABLE),
               .WR_PORTS(WR_PORTS)) _TECHMAP_REPLACE_ (
    .clk(WR_CLK[0]), .rd_en(RD_EN), .rd_addr(RD_ADDR), .rd_data(RD_DATA), .wr_en(WR_EN), .wr_addr(WR_ADDR),
    .wr_data(WR_DATA));
endmodule

(* blackbox, keep *)
module memory_box (clk, rd_en, rd_addr, rd_data, wr_en, wr_addr, wr_data);
  parameter SIZE = 4, ABITS = 2, WIDTH = 8, RD_PORTS = 1, RD_CLK_ENABLE = 1'b1, WR_PORTS = 1;
  input clk;
  input [RD_PORTS-1:0] rd_en;
  input [RD_PORTS*ABITS-1:0] rd_addr;
  output [RD_PORTS*WIDTH-1:0] rd_data;
  input [WR_PORTS*WIDTH-1:0] wr_en, wr_data;
  input [WR_PORTS*ABITS-1:0] wr_addr;
endmodule
