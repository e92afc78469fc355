// Twins of the two ECP5 cells of which yosys has only the ports, the block memory and the multiplier, in the ways in
// which the files lattice/brams_map_16kd.v and lattice/dsp_map_18x18.v of yosys use them. Any other way ends the
// simulation.

// Port A writes, port B reads: 512 rows of 36 bits or 1024 of 18. What B reads of bytes that A writes in the same cycle
// is not defined by the cell: it is noise here.
module DP16KD #(
  parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18, REGMODE_A = "NOREG", REGMODE_B = "NOREG", RESETMODE = "SYNC",
  parameter ASYNC_RESET_RELEASE = "SYNC", CSDECODE_A = "0b000", CSDECODE_B = "0b000", CLKAMUX = "CLKA",
  parameter CLKBMUX = "CLKB", WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL", GSR = "ENABLED"
) (
  input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1,
      DIA0,
  input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
  input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
  output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1,
      DOA0,
  input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1,
      DIB0,
  input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
  input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
  output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1,
      DOB0
);
  localparam WIDE = DATA_WIDTH_A == 36, NARROW = DATA_WIDTH_B == 9;
  reg [17:0] rows [0:1023];
  reg [35:0] read = 0, noise = 36'h5a4b1;
  reg [17:0] own = 0;
  wire [17:0] upper = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3,
      DIB2, DIB1, DIB0};
  wire [17:0] lower = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3,
      DIA2, DIA1, DIA0};
  wire [35:0] written = {upper, lower};
  wire [13:0] to = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
  wire [13:0] from = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
  wire [3:0] enabled = CEA & WEA ? (WIDE ? to[3:0] : {2'b00, to[1:0]}) : 4'b0000;
  wire [9:0] target = WIDE ? {to[13:5], 1'b0} : to[13:4], source = WIDE ? {from[13:5], 1'b0} : from[13:4];
  integer row, lane;

  initial begin
    for (row = 0; row < 1024; row = row + 1) rows[row] = 0;
    if (NARROW ? !WIDE : (DATA_WIDTH_A != DATA_WIDTH_B || (DATA_WIDTH_A != 36 && DATA_WIDTH_A != 18)))
      $fatal(1, "DP16KD: width");
    if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG") $fatal(1, "DP16KD: output register");
    if (CLKAMUX != "CLKA" || CLKBMUX != "CLKB") $fatal(1, "DP16KD: inverted clock");
    if (CSDECODE_A != "0b000" || CSDECODE_B != "0b000") $fatal(1, "DP16KD: chip select");
  end

  always @(posedge CLKA) begin
    noise <= {noise[34:0], noise[35] ^ noise[24]};
    if (WEB | RSTA | RSTB | CSA2 | CSA1 | CSA0 | CSB2 | CSB1 | CSB0) $fatal(1, "DP16KD: control");
    for (lane = 0; lane < 4; lane = lane + 1)
      if (enabled[lane]) rows[target | (lane / 2)][lane % 2 * 9 +: 9] <= written[lane * 9 +: 9];
    if (CEA & (~WEA | (WRITEMODE_A == "READBEFOREWRITE"))) own <= rows[target];
  end

  // Four bytes of nine bits are written, one is read.
  always @(posedge CLKB)
    if (CEB && NARROW)
      read[8:0] <= enabled[from[4:3]] && to[13:5] == from[13:5] ? noise[8:0] : rows[from[13:4]][from[3] * 9 +: 9];
    else if (CEB) begin
      read <= {rows[source | 10'd1], rows[source]};
      for (lane = 0; lane < 4; lane = lane + 1)
        if (enabled[lane] && target == source) read[lane * 9 +: 9] <= noise[lane * 9 +: 9];
    end

  // A wide row leaves by both ports: its low half by A.
  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1,
      DOA0} = WIDE ? read[17:0] : own;
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1,
      DOB0} = WIDE && !NARROW ? read[35:18] : read[17:0];
endmodule

// The product alone: no register, no shift chain.
module MULT18X18D (
  input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
  input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
  input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
  input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
  output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14,
      P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
  wire signed [18:0] a = {SIGNEDA & A17, A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1,
      A0};
  wire signed [18:0] b = {SIGNEDB & B17, B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1,
      B0};
  wire signed [37:0] product = a * b;
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14,
      P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = product[35:0];
endmodule
