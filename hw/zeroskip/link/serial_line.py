"""The driver's transport on a real board: a serial port, by pyserial."""

from __future__ import annotations

import serial

WRITE_SECONDS = 5.0
"""The longest request takes 1.1 s at 9,600 baud, where every byte of it is escaped."""


class SerialLine:
    """A serial port, 8 data bits, no parity, one stop bit.

    Parameters
    ----------
    port
        ``/dev/ttyUSB0``, ``COM3``, or a URL that pyserial knows (``loop://``).
    baud
        Bits a second; the manifest of a bitstream says which.
    write_seconds
        To wait at most until the port has taken what is written, more than 0.

    Raises
    ------
    serial.SerialException
        The port is not there, or somebody else has it; by `write` and `read`, it is there no more, or takes nothing.
    """

    def __init__(self, port: str, baud: int, *, write_seconds: float = WRITE_SECONDS) -> None:
        self._port = serial.serial_for_url(port, baudrate=baud, timeout=0, write_timeout=write_seconds)
        self._port.reset_input_buffer()

    def write(self, raw: bytes) -> int:
        """Send these bytes; how many the port took, all but where it was cut off."""
        return self._port.write(raw)

    def read(self, seconds: float) -> bytes:
        """What came, as soon as something did; empty after so many seconds."""
        self._port.timeout = seconds
        first = self._port.read(1)
        return first + self._port.read(self._port.in_waiting) if first else b""

    def close(self) -> None:
        """Give the port back."""
        self._port.close()
