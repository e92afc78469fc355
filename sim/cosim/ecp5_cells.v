// Twins of the two ECP5 cells of which yosys has only the ports, the block memory and the multiplier: as yosys uses
// them (lattice/brams_map_16kd.v, lattice/dsp_map_18x18.v), and as zeroskip.gateware.primitives does. Any other way
// ends the simulation. What they do is in Lattice's guides, TN1264 (memories) and TN1267 (sysDSP).

// 512 words of 36 bits: four bytes of nine bits, of which shapes of less than nine bits do not use the ninth. Each port
// has the shape of its DATA_WIDTH, and the lowest address pins say which part of a word:
//
//   width 36: pins 3..0 enable the bytes of a write. Port A writes, port B reads; A's pins have the low half of the
//             data. There is no pin for writing (Lattice calls this shape PDPW16KD): WEA has to be high.
//   width 18: pin 4 is the half, pins 1..0 enable its bytes.
//   width 9:  pins 4..3 are the byte.
//   width 4:  pins 4..3 are the byte, pin 2 which four bits of it; width 2: pins 2..1, width 1: pins 2..0.
//
// Modelled: WRITEMODE NORMAL, in which a port's output holds while it writes, and READBEFOREWRITE; REGMODE NOREG, and
// OUTREG, a register more at the output. Not modelled: resets, chip selects, clock enables together with OUTREG,
// initial contents (zeros), two clocks: CLKB has to be CLKA.
//
// Not defined by the cell: what a port reads of bytes that the other one writes in the same cycle, and what stays of
// bytes that both write. They are noise here.
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
  localparam REGISTERED_A = REGMODE_A == "OUTREG", REGISTERED_B = REGMODE_B == "OUTREG";
  localparam OLD_A = WRITEMODE_A == "READBEFOREWRITE", OLD_B = WRITEMODE_B == "READBEFOREWRITE";
  localparam WIDE_A = DATA_WIDTH_A == 36, WIDE_B = DATA_WIDTH_B == 36;

  reg [35:0] words [0:511];
  reg [35:0] noise = 36'h5a4b12c3d, read_a = 0, read_b = 0, shown_a = 0, shown_b = 0;
  reg beat_a = 0, beat_b = 0;
  integer word;

  wire [17:0] di_a = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3,
      DIA2, DIA1, DIA0};
  wire [17:0] di_b = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3,
      DIB2, DIB1, DIB0};
  wire [13:0] ad_a = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
  wire [13:0] ad_b = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};

  // The lowest of the word's bits that a port has.
  function [5:0] place(input integer width, input [13:0] address);
    case (width)
      36: place = 0;
      18: place = address[4] ? 6'd18 : 6'd0;
      9: place = 6'd9 * {4'd0, address[4:3]};
      4: place = 6'd9 * {4'd0, address[4:3]} + {3'd0, address[2], 2'd0};
      2: place = 6'd9 * {4'd0, address[4:3]} + {3'd0, address[2:1], 1'd0};
      default: place = 6'd9 * {4'd0, address[4:3]} + {3'd0, address[2:0]};
    endcase
  endfunction

  // Of the port's bits, those that a write would change.
  function [35:0] enabled(input integer width, input [13:0] address);
    case (width)
      36: enabled = {{9{address[3]}}, {9{address[2]}}, {9{address[1]}}, {9{address[0]}}};
      18: enabled = {18'd0, {9{address[1]}}, {9{address[0]}}};
      default: enabled = (36'd1 << width) - 36'd1;
    endcase
  endfunction

  // In a word's bits: what is there to be read, and what is written.
  wire [5:0] at_a = place(DATA_WIDTH_A, ad_a), at_b = place(DATA_WIDTH_B, ad_b);
  wire [35:0] has_a = (36'd1 << DATA_WIDTH_A) - 36'd1, has_b = (36'd1 << DATA_WIDTH_B) - 36'd1;
  wire [35:0] changes_a = CEA & WEA ? enabled(DATA_WIDTH_A, ad_a) << at_a : 36'd0;
  wire [35:0] changes_b = CEB & WEB ? enabled(DATA_WIDTH_B, ad_b) << at_b : 36'd0;
  wire [35:0] data_a = (WIDE_A ? {di_b, di_a} : {18'd0, di_a}) << at_a, data_b = {18'd0, di_b} << at_b;
  wire same = ad_a[13:5] == ad_b[13:5];
  wire [35:0] both = same ? changes_a & changes_b : 36'd0;
  wire [35:0] kept_a = words[ad_a[13:5]], kept_b = words[ad_b[13:5]];
  wire [35:0] seen_a = same ? kept_a & ~changes_b | noise & changes_b : kept_a;
  wire [35:0] seen_b = same ? kept_b & ~changes_a | noise & changes_a : kept_b;

  initial begin
    for (word = 0; word < 512; word = word + 1) words[word] = 0;
    if (WIDE_A ? DATA_WIDTH_B != 36 && DATA_WIDTH_B != 9 : DATA_WIDTH_A != DATA_WIDTH_B) $fatal(1, "DP16KD: width");
    if (DATA_WIDTH_A != 36 && DATA_WIDTH_A != 18 && DATA_WIDTH_A != 9 && DATA_WIDTH_A != 4 && DATA_WIDTH_A != 2 &&
        DATA_WIDTH_A != 1) $fatal(1, "DP16KD: width");
    if (!REGISTERED_A && REGMODE_A != "NOREG" || !REGISTERED_B && REGMODE_B != "NOREG" ||
        WIDE_A && REGISTERED_A != REGISTERED_B) $fatal(1, "DP16KD: output register");
    if (!OLD_A && WRITEMODE_A != "NORMAL" || !OLD_B && WRITEMODE_B != "NORMAL") $fatal(1, "DP16KD: write mode");
    if (CLKAMUX != "CLKA" || CLKBMUX != "CLKB") $fatal(1, "DP16KD: inverted clock");
    if (CSDECODE_A != "0b000" || CSDECODE_B != "0b000") $fatal(1, "DP16KD: chip select");
  end

  always @(posedge CLKA) begin
    noise <= {noise[34:0], noise[35] ^ noise[24]};
    if (RSTA | RSTB | CSA2 | CSA1 | CSA0 | CSB2 | CSB1 | CSB0) $fatal(1, "DP16KD: control");
    if (WIDE_A & (WEB | ~WEA)) $fatal(1, "DP16KD: write enable of the widest shape");
    if (REGISTERED_A & ~(CEA & OCEA) | REGISTERED_B & ~(CEB & OCEB)) $fatal(1, "DP16KD: clock enable");
    if (CEA & (~WEA | OLD_A)) read_a <= (seen_a >> at_a) & has_a;
    if (CEB & (~WEB | OLD_B)) read_b <= (seen_b >> at_b) & has_b;
    shown_a <= read_a;
    shown_b <= read_b;
    if (same) words[ad_a[13:5]] <= kept_a & ~(changes_a | changes_b) | data_a & changes_a & ~both |
        data_b & changes_b & ~both | noise & both;
    else begin
      if (|changes_a) words[ad_a[13:5]] <= kept_a & ~changes_a | data_a & changes_a;
      if (|changes_b) words[ad_b[13:5]] <= kept_b & ~changes_b | data_b & changes_b;
    end
  end

  // One clock: as many edges at either port.
  always @(posedge CLKA) beat_a <= ~beat_a;
  always @(posedge CLKB) beat_b <= ~beat_b;
  always @(negedge CLKA) if (beat_a != beat_b) $fatal(1, "DP16KD: two clocks");

  wire [35:0] out_a = REGISTERED_A ? shown_a : read_a, out_b = REGISTERED_B ? shown_b : read_b;
  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1,
      DOA0} = WIDE_B ? out_b[17:0] : out_a[17:0];
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1,
      DOB0} = WIDE_B ? out_b[35:18] : out_b[17:0];
endmodule

// The product, and with REG_OUTPUT_CLK a register behind it, which REG_OUTPUT_RST names a synchronous reset for.
// Not modelled: the other registers, clock enables (no port: an instance that connects one is refused), shift chains.
module MULT18X18D #(
  parameter REG_INPUTA_CLK = "NONE", REG_INPUTB_CLK = "NONE", REG_INPUTC_CLK = "NONE", REG_PIPELINE_CLK = "NONE",
  parameter REG_OUTPUT_CLK = "NONE", REG_OUTPUT_RST = "RST0", RESETMODE = "SYNC", GSR = "ENABLED",
  parameter MULT_BYPASS = "DISABLED"
) (
  input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
  input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
  input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
  input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB, CLK0, RST0, RST1, RST2, RST3,
  output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14,
      P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
  localparam REGISTERED = REG_OUTPUT_CLK == "CLK0";
  wire signed [18:0] a = {SIGNEDA & A17, A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1,
      A0};
  wire signed [18:0] b = {SIGNEDB & B17, B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1,
      B0};
  wire signed [37:0] product = a * b;
  wire reset = REG_OUTPUT_RST == "RST3" ? RST3 : REG_OUTPUT_RST == "RST2" ? RST2 : REG_OUTPUT_RST == "RST1" ? RST1 :
      RST0;
  reg [35:0] shown = 0;

  initial begin
    if (REG_INPUTA_CLK != "NONE" || REG_INPUTB_CLK != "NONE" || REG_INPUTC_CLK != "NONE" ||
        REG_PIPELINE_CLK != "NONE" || !REGISTERED && REG_OUTPUT_CLK != "NONE") $fatal(1, "MULT18X18D: registers");
    if (REGISTERED && RESETMODE != "SYNC") $fatal(1, "MULT18X18D: reset mode");
    if (MULT_BYPASS != "DISABLED") $fatal(1, "MULT18X18D: bypass");
  end

  always @(posedge CLK0) begin
    shown <= reset ? 36'd0 : product[35:0];
    if (SOURCEA | SOURCEB) $fatal(1, "MULT18X18D: shift chain");
  end

  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14,
      P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = REGISTERED ? shown : product[35:0];
endmodule
