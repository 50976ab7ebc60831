"""aioquic's client, made to read marks of congestion: it does not by itself.

What the server sends arrives with an ECN field (RFC 3168), which the client is told before each
datagram; its acknowledgements say how many packets bore which (RFC 9000 section 19.3.2).
"""

from __future__ import annotations

from typing import Any

from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet import QuicFrameType, push_ack_frame
from aioquic.tls import Epoch

_ORDER = (2, 1, 3)
"""ECT(0), ECT(1) and CE, as a frame has them."""


class EcnClient(QuicConnection):
    """A `QuicConnection` that tells.

    Attributes:
        tells: False: it does not, as most clients.
        field: ECN field of the datagram that is received next.
        fields: Packets received with each field, by packet number space.
        tamper: Changes the counts that are told, in the order of a frame.
    """

    tells = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.field = 0
        self.fields: dict[Epoch, list[int]] = {epoch: [0, 0, 0, 0] for epoch in Epoch}
        self.tamper: Any = None

    def _payload_received(self, context: Any, plain: bytes, *args: Any, **more: Any) -> Any:
        self.fields[context.epoch][self.field] += 1
        return super()._payload_received(context, plain, *args, **more)

    def _write_ack_frame(self, builder: Any, space: Any, now: float) -> None:
        epoch = next(epoch for epoch, each in self._spaces.items() if each is space)
        counts = [self.fields[epoch][field] for field in _ORDER]
        if not self.tells or not any(counts):
            super()._write_ack_frame(builder, space, now)
            return
        if self.tamper is not None:
            counts = self.tamper(counts)
        buf = builder.start_frame(
            QuicFrameType.ACK_ECN,
            capacity=88,
            handler=self._on_ack_delivery,
            handler_args=(space, space.largest_received_packet),
        )
        push_ack_frame(buf, space.ack_queue, 0, builder.remaining_buffer_space - 24)
        for count in counts:
            buf.push_uint_var(count)
        space.ack_at = None
