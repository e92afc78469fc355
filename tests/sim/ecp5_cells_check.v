// Checks the twins of the ECP5's cells against plain descriptions of them, at random; any difference is fatal.
module memory_check #(parameter WIDTH = 36, parameter BITS = 9) (input clk, output reg [31:0] noisy);
  localparam LANES = WIDTH / 9;
  reg [WIDTH - 1:0] rows [0:(1 << BITS) - 1];
  reg [BITS - 1:0] to, from;
  reg [LANES - 1:0] enabled;
  reg [WIDTH - 1:0] data, expected, own;
  reg [LANES - 1:0] collision;
  reg read;
  wire [35:0] d = 36'(data), q;
  wire [13:0] a = WIDTH == 36 ? {9'(to), 1'b0, 4'(enabled)} : {10'(to), 2'b00, 2'(enabled)};
  wire [13:0] b = WIDTH == 36 ? {9'(from), 5'b00000} : {10'(from), 4'b0000};
  integer row, lane;

  DP16KD #(.DATA_WIDTH_A(WIDTH), .DATA_WIDTH_B(WIDTH), .WRITEMODE_A("READBEFOREWRITE")) dut (
    .CLKA(clk), .CLKB(clk), .CEA(1'b1), .CEB(read), .WEA(1'b1), .WEB(1'b0), .OCEA(1'b0), .OCEB(1'b1),
    .RSTA(1'b0), .RSTB(1'b0), .CSA2(1'b0), .CSA1(1'b0), .CSA0(1'b0), .CSB2(1'b0), .CSB1(1'b0), .CSB0(1'b0),
    .ADA0(a[0]), .ADA1(a[1]), .ADA2(a[2]), .ADA3(a[3]), .ADA4(a[4]), .ADA5(a[5]), .ADA6(a[6]), .ADA7(a[7]),
    .ADA8(a[8]), .ADA9(a[9]), .ADA10(a[10]), .ADA11(a[11]), .ADA12(a[12]), .ADA13(a[13]),
    .ADB0(b[0]), .ADB1(b[1]), .ADB2(b[2]), .ADB3(b[3]), .ADB4(b[4]), .ADB5(b[5]), .ADB6(b[6]), .ADB7(b[7]),
    .ADB8(b[8]), .ADB9(b[9]), .ADB10(b[10]), .ADB11(b[11]), .ADB12(b[12]), .ADB13(b[13]),
    .DIA0(d[0]), .DIA1(d[1]), .DIA2(d[2]), .DIA3(d[3]), .DIA4(d[4]), .DIA5(d[5]), .DIA6(d[6]), .DIA7(d[7]),
    .DIA8(d[8]), .DIA9(d[9]), .DIA10(d[10]), .DIA11(d[11]), .DIA12(d[12]), .DIA13(d[13]), .DIA14(d[14]),
    .DIA15(d[15]), .DIA16(d[16]), .DIA17(d[17]),
    .DIB0(d[18]), .DIB1(d[19]), .DIB2(d[20]), .DIB3(d[21]), .DIB4(d[22]), .DIB5(d[23]), .DIB6(d[24]), .DIB7(d[25]),
    .DIB8(d[26]), .DIB9(d[27]), .DIB10(d[28]), .DIB11(d[29]), .DIB12(d[30]), .DIB13(d[31]), .DIB14(d[32]),
    .DIB15(d[33]), .DIB16(d[34]), .DIB17(d[35]),
    .DOA0(q[0]), .DOA1(q[1]), .DOA2(q[2]), .DOA3(q[3]), .DOA4(q[4]), .DOA5(q[5]), .DOA6(q[6]), .DOA7(q[7]),
    .DOA8(q[8]), .DOA9(q[9]), .DOA10(q[10]), .DOA11(q[11]), .DOA12(q[12]), .DOA13(q[13]), .DOA14(q[14]),
    .DOA15(q[15]), .DOA16(q[16]), .DOA17(q[17]),
    .DOB0(q[18]), .DOB1(q[19]), .DOB2(q[20]), .DOB3(q[21]), .DOB4(q[22]), .DOB5(q[23]), .DOB6(q[24]), .DOB7(q[25]),
    .DOB8(q[26]), .DOB9(q[27]), .DOB10(q[28]), .DOB11(q[29]), .DOB12(q[30]), .DOB13(q[31]), .DOB14(q[32]),
    .DOB15(q[33]), .DOB16(q[34]), .DOB17(q[35])
  );
  wire [17:0] low = q[17:0], high = q[35:18];
  wire [WIDTH - 1:0] found = WIDTH == 36 ? WIDTH'({high, low}) : WIDTH'(high);
  wire [WIDTH - 1:0] found_own = WIDTH'(low);

  initial begin
    noisy = 0;
    for (row = 0; row < (1 << BITS); row = row + 1) rows[row] = 0;
    expected = 0; own = 0; collision = 0; read = 0; enabled = 0; to = 0; from = 0; data = 0;
  end

  always @(negedge clk) begin
    for (lane = 0; lane < LANES; lane = lane + 1)
      if (collision[lane]) noisy <= noisy + 32'(found[lane * 9 +: 9] != expected[lane * 9 +: 9]);
      else if (found[lane * 9 +: 9] != expected[lane * 9 +: 9])
        $fatal(1, "width %0d: lane %0d is %h, expected %h", WIDTH, lane, found, expected);
    if (WIDTH == 18 && found_own != own) $fatal(1, "width 18: port A reads %h, expected %h", found_own, own);
    to <= BITS'($urandom % 12);
    from <= BITS'($urandom % 12);
    enabled <= LANES'($urandom);
    data <= WIDTH'({$urandom, $urandom});
    read <= 1'($urandom);
  end

  always @(posedge clk) begin
    own <= rows[to];
    if (read) begin
      expected <= rows[from];
      collision <= from == to ? enabled : 0;
    end
    for (lane = 0; lane < LANES; lane = lane + 1)
      if (enabled[lane]) rows[to][lane * 9 +: 9] <= data[lane * 9 +: 9];
  end
endmodule

// Written 36 bits wide, byte by byte of nine bits, and read one byte of nine bits at a time.
module memory_check_narrow_read (input clk, output reg [31:0] noisy);
  reg [8:0] rows [0:2047];
  reg [8:0] to;
  reg [10:0] from;
  reg [3:0] enabled;
  reg [35:0] d;
  reg [8:0] expected;
  reg collision, read;
  wire [13:0] a = {to, 1'b0, enabled}, b = {from, 3'b000};
  wire [17:0] q;
  integer row, lane;

  DP16KD #(.DATA_WIDTH_A(36), .DATA_WIDTH_B(9)) dut (
    .CLKA(clk), .CLKB(clk), .CEA(1'b1), .CEB(read), .WEA(1'b1), .WEB(1'b0), .OCEA(1'b0), .OCEB(1'b1),
    .RSTA(1'b0), .RSTB(1'b0), .CSA2(1'b0), .CSA1(1'b0), .CSA0(1'b0), .CSB2(1'b0), .CSB1(1'b0), .CSB0(1'b0),
    .ADA0(a[0]), .ADA1(a[1]), .ADA2(a[2]), .ADA3(a[3]), .ADA4(a[4]), .ADA5(a[5]), .ADA6(a[6]), .ADA7(a[7]),
    .ADA8(a[8]), .ADA9(a[9]), .ADA10(a[10]), .ADA11(a[11]), .ADA12(a[12]), .ADA13(a[13]),
    .ADB0(b[0]), .ADB1(b[1]), .ADB2(b[2]), .ADB3(b[3]), .ADB4(b[4]), .ADB5(b[5]), .ADB6(b[6]), .ADB7(b[7]),
    .ADB8(b[8]), .ADB9(b[9]), .ADB10(b[10]), .ADB11(b[11]), .ADB12(b[12]), .ADB13(b[13]),
    .DIA0(d[0]), .DIA1(d[1]), .DIA2(d[2]), .DIA3(d[3]), .DIA4(d[4]), .DIA5(d[5]), .DIA6(d[6]), .DIA7(d[7]),
    .DIA8(d[8]), .DIA9(d[9]), .DIA10(d[10]), .DIA11(d[11]), .DIA12(d[12]), .DIA13(d[13]), .DIA14(d[14]),
    .DIA15(d[15]), .DIA16(d[16]), .DIA17(d[17]),
    .DIB0(d[18]), .DIB1(d[19]), .DIB2(d[20]), .DIB3(d[21]), .DIB4(d[22]), .DIB5(d[23]), .DIB6(d[24]), .DIB7(d[25]),
    .DIB8(d[26]), .DIB9(d[27]), .DIB10(d[28]), .DIB11(d[29]), .DIB12(d[30]), .DIB13(d[31]), .DIB14(d[32]),
    .DIB15(d[33]), .DIB16(d[34]), .DIB17(d[35]),
    .DOB0(q[0]), .DOB1(q[1]), .DOB2(q[2]), .DOB3(q[3]), .DOB4(q[4]), .DOB5(q[5]), .DOB6(q[6]), .DOB7(q[7]),
    .DOB8(q[8])
  );

  initial begin
    noisy = 0;
    for (row = 0; row < 2048; row = row + 1) rows[row] = 0;
    expected = 0; collision = 0; read = 0; enabled = 0; to = 0; from = 0; d = 0;
  end

  always @(negedge clk) begin
    if (collision) noisy <= noisy + 32'(q[8:0] != expected);
    else if (q[8:0] != expected) $fatal(1, "narrow read is %h, expected %h", q[8:0], expected);
    to <= 9'($urandom % 12);
    from <= 11'($urandom % 48);
    enabled <= 4'($urandom);
    d <= 36'({$urandom, $urandom});
    read <= 1'($urandom);
  end

  always @(posedge clk) begin
    if (read) begin
      expected <= rows[from];
      collision <= from[10:2] == to && enabled[from[1:0]];
    end
    for (lane = 0; lane < 4; lane = lane + 1) if (enabled[lane]) rows[{to, 2'(lane)}] <= d[lane * 9 +: 9];
  end
endmodule

module ecp5_cells_check;
  reg clk = 0;
  reg [17:0] a, b;
  reg [1:0] is_signed;
  wire [35:0] p;
  wire [31:0] noisy_wide, noisy_narrow, noisy_read;
  reg signed [63:0] x, y, product;
  integer step;

  memory_check #(.WIDTH(36), .BITS(9)) wide (.clk(clk), .noisy(noisy_wide));
  memory_check #(.WIDTH(18), .BITS(10)) narrow (.clk(clk), .noisy(noisy_narrow));
  memory_check_narrow_read narrow_read (.clk(clk), .noisy(noisy_read));
  MULT18X18D dut (
    .A0(a[0]), .A1(a[1]), .A2(a[2]), .A3(a[3]), .A4(a[4]), .A5(a[5]), .A6(a[6]), .A7(a[7]), .A8(a[8]), .A9(a[9]),
    .A10(a[10]), .A11(a[11]), .A12(a[12]), .A13(a[13]), .A14(a[14]), .A15(a[15]), .A16(a[16]), .A17(a[17]),
    .B0(b[0]), .B1(b[1]), .B2(b[2]), .B3(b[3]), .B4(b[4]), .B5(b[5]), .B6(b[6]), .B7(b[7]), .B8(b[8]), .B9(b[9]),
    .B10(b[10]), .B11(b[11]), .B12(b[12]), .B13(b[13]), .B14(b[14]), .B15(b[15]), .B16(b[16]), .B17(b[17]),
    .C0(1'b0), .C1(1'b0), .C2(1'b0), .C3(1'b0), .C4(1'b0), .C5(1'b0), .C6(1'b0), .C7(1'b0), .C8(1'b0), .C9(1'b0),
    .C10(1'b0), .C11(1'b0), .C12(1'b0), .C13(1'b0), .C14(1'b0), .C15(1'b0), .C16(1'b0), .C17(1'b0),
    .P0(p[0]), .P1(p[1]), .P2(p[2]), .P3(p[3]), .P4(p[4]), .P5(p[5]), .P6(p[6]), .P7(p[7]), .P8(p[8]), .P9(p[9]),
    .P10(p[10]), .P11(p[11]), .P12(p[12]), .P13(p[13]), .P14(p[14]), .P15(p[15]), .P16(p[16]), .P17(p[17]),
    .P18(p[18]), .P19(p[19]), .P20(p[20]), .P21(p[21]), .P22(p[22]), .P23(p[23]), .P24(p[24]), .P25(p[25]),
    .P26(p[26]), .P27(p[27]), .P28(p[28]), .P29(p[29]), .P30(p[30]), .P31(p[31]), .P32(p[32]), .P33(p[33]),
    .P34(p[34]), .P35(p[35]),
    .SIGNEDA(is_signed[0]), .SIGNEDB(is_signed[1]), .SOURCEA(1'b0), .SOURCEB(1'b0)
  );

  initial begin
    for (step = 0; step < 20000; step = step + 1) begin
      a = step % 5 == 0 ? 18'h20000 : 18'($urandom);
      b = step % 7 == 0 ? 18'h3ffff : 18'($urandom);
      is_signed = 2'($urandom);
      x = is_signed[0] && a[17] ? 64'(a) - 64'd262144 : 64'(a);
      y = is_signed[1] && b[17] ? 64'(b) - 64'd262144 : 64'(b);
      product = x * y;
      #1 clk = 1;
      #1 clk = 0;
      if (p != product[35:0]) $fatal(1, "%0d * %0d: found %h, expected %h", x, y, p, product[35:0]);
    end
    if (noisy_wide < 100 || noisy_narrow < 100 || noisy_read < 100) $fatal(1, "collisions are not noise");
    $display("cells are right, %0d, %0d and %0d lanes of noise", noisy_wide, noisy_narrow, noisy_read);
    $finish;
  end
endmodule
