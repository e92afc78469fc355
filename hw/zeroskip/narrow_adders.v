// Adders of few bits are made of LUTs: carry cells take nothing else in, and begin and end with cells of their own.
// A map for yosys' techmap; wider ones are left to the technology's own map.
(* techmap_celltype = "$alu" *)
module narrow_adder (A, B, CI, BI, X, Y, CO);
  parameter A_SIGNED = 0, B_SIGNED = 0, A_WIDTH = 1, B_WIDTH = 1, Y_WIDTH = 1;
  (* force_downto *) input [A_WIDTH-1:0] A;
  (* force_downto *) input [B_WIDTH-1:0] B;
  input CI, BI;
  (* force_downto *) output [Y_WIDTH-1:0] X, Y, CO;

  wire _TECHMAP_FAIL_ = Y_WIDTH > `WIDEST;

  (* force_downto *) wire [Y_WIDTH-1:0] one, other, given;
  \$pos #(.A_SIGNED(A_SIGNED), .A_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH)) extend_a (.A(A), .Y(one));
  \$pos #(.A_SIGNED(B_SIGNED), .A_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH)) extend_b (.A(B), .Y(given));
  assign other = given ^ {Y_WIDTH{BI}};

  wire [Y_WIDTH:0] carry;
  assign carry[0] = CI;
  genvar at;
  generate
    for (at = 0; at < Y_WIDTH; at = at + 1)
      assign carry[at + 1] = one[at] & other[at] | carry[at] & (one[at] | other[at]);
  endgenerate
  assign X = one ^ other;
  assign Y = X ^ carry[Y_WIDTH-1:0];
  assign CO = carry[Y_WIDTH:1];
endmodule
