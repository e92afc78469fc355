"""The driver's transport on a real board: a serial port, by pyserial."""

from __future__ import annotations

import serial


class SerialLine:
    """A serial port, 8 data bits, no parity, one stop bit.

    Parameters
    ----------
    port
        ``/dev/ttyUSB0``, ``COM3``, or a URL that pyserial knows (``loop://``).
    baud
        Bits a second; the manifest of a bitstream says which.

    Raises
    ------
    serial.SerialException
        The port is not there, or somebody else has it.
    """

    def __init__(self, port: str, baud: int) -> None:
        self._port = serial.serial_for_url(port, baudrate=baud, timeout=0)
        self._port.reset_input_buffer()

    def write(self, raw: bytes) -> None:
        """Send these bytes."""
        self._port.write(raw)

    def read(self, seconds: float) -> bytes:
        """What came, as soon as something did."""
        self._port.timeout = seconds
        first = self._port.read(1)
        return first + self._port.read(self._port.in_waiting) if first else b""

    def close(self) -> None:
        """Give the port back."""
        self._port.close()
