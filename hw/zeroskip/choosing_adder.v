// ``choosing_adder.py`` in carry cells of an ECP5, two bits in each. A cell's LUT is `propagate`; where that is zero,
// the carry is what the LUT's lowest four entries say of A and B alone: A, the addend.
module choosing_adder (addend, second, values__0, values__1, sum);
  localparam ADDEND_WIDTH = 17, WIDTH = 32;
  input [ADDEND_WIDTH-1:0] addend;
  input second;
  input [WIDTH-1:0] values__0, values__1;
  output [WIDTH-1:0] sum;

  wire [WIDTH-1:0] one = {{WIDTH-ADDEND_WIDTH{addend[ADDEND_WIDTH-1]}}, addend};
  wire [WIDTH:0] carry;
  assign carry[0] = 1'b0;
  genvar at;
  generate
    for (at = 0; at < WIDTH; at = at + 2)
      CCU2C #(
        .INIT0(16'h569A), .INIT1(16'h569A), .INJECT1_0("NO"), .INJECT1_1("NO")
      ) pair (
        .CIN(carry[at]), .COUT(carry[at + 2]),
        .A0(one[at]), .B0(second), .C0(values__0[at]), .D0(values__1[at]), .S0(sum[at]),
        .A1(one[at + 1]), .B1(second), .C1(values__0[at + 1]), .D1(values__1[at + 1]), .S1(sum[at + 1])
      );
  endgenerate
endmodule
