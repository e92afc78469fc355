"""Co-simulation: layers through the generated Verilog under cocotb, compared with the integer reference."""
