"""What other systems need beside the Verilog: register maps, a wrapper in AXI's names, a FuseSoC core."""
