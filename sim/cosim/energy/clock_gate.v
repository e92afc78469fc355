// For yosys: registers that are enabled together get a gated clock, for the library has no enable.
// A reset that comes before the enable would keep a register from that: it is made a part of both.
(* techmap_celltype = "$_SDFFE_PP0P_" *)
module reset_to_zero (input C, input E, input R, input D, output Q);
  \$_DFFE_PP_ _TECHMAP_REPLACE_ (.C(C), .E(E | R), .D(D & ~R), .Q(Q));
endmodule

(* techmap_celltype = "$_SDFFE_PP1P_" *)
module reset_to_one (input C, input E, input R, input D, output Q);
  \$_DFFE_PP_ _TECHMAP_REPLACE_ (.C(C), .E(E | R), .D(D | R), .Q(Q));
endmodule

// The gate that yosys asks for, of the library's cells: a latch that is open while the clock is low, and an AND.
module clock_gate (input E, input CLK, output GCLK);
  wire low, kept;
  INVX1 invert (.A(CLK), .Y(low));
  LATCH hold (.D(E), .CLK(low), .Q(kept));
  AND2X2 open (.A(CLK), .B(kept), .Y(GCLK));
endmodule
