"""The host link: frames over a UART, the component that answers them, and the driver that sends them."""
