// ``choosing_adder.py`` in carry cells of an ECP5, two bits in each. A cell's LUT is `propagate`; where that is zero, the carry
// is what the LUT's lowest four entries say of A and B alone: A, the addend.
module choosing_adder (addend, second, values__0, values__1, sum);
  parameter ADDEND_WIDTH = 17, WIDTH = 32;
  input [ADDEND_WIDTH-1:0] addend;
  input second;
  input [WIDTH-1:0] values__0, values__1;
  output [WIDTH-1:0] sum;

  wire [WIDTH-1:0] one = {{WIDTH-ADDEND_WIDTH{addend[ADDEND_WIDTH-1]}}, addend};
  wire [WIDTH:0] carry;
  assign carry[0] = 1'b0;
  genvar bit;
  generate
    for (bit = 0; bit < WIDTH; bit = bit + 2)
      CCU2C #(
        .INIT0(16'h569A), .INIT1(16'h569A), .INJECT1_0("NO"), .INJECT1_1("NO")
      ) pair (
        .CIN(carry[bit]), .COUT(carry[bit + 2]),
        .A0(one[bit]), .B0(second), .C0(values__0[bit]), .D0(values__1[bit]), .S0(sum[bit]),
        .A1(one[bit + 1]), .B1(second), .C1(values__0[bit + 1]), .D1(values__1[bit + 1]), .S1(sum[bit + 1])
      );
  endgenerate
endmodule
