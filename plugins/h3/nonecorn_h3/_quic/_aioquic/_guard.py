"""What is relied upon of aioquic beyond its documentation: a new version is looked at first.

The version is pinned to a minor one. Before that is raised, a test says here what is gone or takes
other arguments; what has changed its meaning, the tests of connections say.
"""

# ruff: noqa: SLF001  # private names are the matter of this file

from __future__ import annotations

import inspect
import ssl
from collections.abc import Iterator

from aioquic import tls
from aioquic.quic import packet, packet_builder, recovery, stream
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.congestion import cubic, reno
from aioquic.quic.connection import Limit, QuicConnection, QuicNetworkPath
from aioquic.quic.crypto import CryptoContext, CryptoPair

CONNECTION = (
    "_ack_delay", "_ack_eliciting_sent_since_receipt", "_close_at", "_close_event",
    "_close_pending", "_configuration", "_crypto_buffers", "_crypto_streams", "_cryptos",
    "_datagrams_pending", "_events", "_handshake_complete", "_handshake_confirmed",
    "_handshake_done_pending", "_host_cid_seq", "_host_cids", "_local_ack_delay_exponent",
    "_local_initial_source_connection_id", "_local_max_data",
    "_local_max_stream_data_bidi_local", "_local_max_stream_data_bidi_remote",
    "_local_max_stream_data_uni", "_local_max_streams_bidi", "_local_max_streams_uni",
    "_local_next_stream_id_bidi", "_local_next_stream_id_uni", "_logger", "_loss",
    "_max_datagram_size", "_network_paths", "_pacing_at", "_packet_number", "_peer_cid",
    "_ping_pending", "_probe_pending", "_quic_logger", "_remote_ack_delay_exponent",
    "_remote_active_connection_id_limit", "_remote_max_data", "_remote_max_data_used",
    "_remote_max_datagram_frame_size", "_remote_max_stream_data_bidi_local",
    "_remote_max_stream_data_bidi_remote", "_remote_max_stream_data_uni",
    "_remote_max_streams_bidi", "_remote_max_streams_uni", "_retire_connection_ids", "_spaces",
    "_spin_bit", "_spin_highest_pn", "_state", "_streams", "_streams_blocked_bidi",
    "_streams_blocked_pending", "_streams_blocked_uni", "_version", "host_cid",
    "_QuicConnection__frame_handlers",
)  # fmt: skip
"""Attributes of a connection."""

METHODS: dict[type, dict[str, tuple[str, ...]]] = {
    QuicConnection: {
        "_get_or_create_stream": ("self", "frame_type", "stream_id"),
        "_handle_ack_frame": ("self", "context", "frame_type", "buf"),
        "_handle_datagram_frame": ("self", "context", "frame_type", "buf"),
        "_handle_max_data_frame": ("self", "context", "frame_type", "buf"),
        "_handle_max_stream_data_frame": ("self", "context", "frame_type", "buf"),
        "_handle_new_connection_id_frame": ("self", "context", "frame_type", "buf"),
        "_handle_reset_stream_frame": ("self", "context", "frame_type", "buf"),
        "_handle_stop_sending_frame": ("self", "context", "frame_type", "buf"),
        "_handle_stream_data_blocked_frame": ("self", "context", "frame_type", "buf"),
        "_handle_stream_frame": ("self", "context", "frame_type", "buf"),
        "_idle_timeout": ("self",),
        "_initialize": ("self", "peer_cid"),
        "_on_ack_delivery": ("self", "delivery", "space", "highest_acked"),
        "_on_connection_limit_delivery": ("self", "delivery", "limit"),
        "_on_new_connection_id_delivery": ("self", "delivery", "connection_id"),
        "_on_ping_delivery": ("self", "delivery", "uids"),
        "_parse_transport_parameters": ("self", "data", "from_session_ticket"),
        "_payload_received": ("self", "context", "plain", "crypto_frame_required"),
        "_replenish_connection_ids": ("self",),
        "_send_probing_frames": ("self", "network_path", "now"),
        "_stream_limit": ("self", "stream_id"),
        "_unblock_streams": ("self", "is_unidirectional"),
        "_update_traffic_key": ("self", "direction", "epoch", "cipher_suite", "secret"),
        "_write_ack_frame": ("self", "builder", "space", "now"),
        "_write_application": ("self", "builder", "network_path", "now"),
        "_write_connection_limits": ("self", "builder", "space"),
        "_write_crypto_frame": ("self", "builder", "space", "stream"),
        "_write_datagram_frame": ("self", "builder", "data", "frame_type"),
        "_write_handshake_done_frame": ("self", "builder"),
        "_write_new_connection_id_frame": ("self", "builder", "connection_id"),
        "_write_path_challenge_frame": ("self", "builder", "network_path"),
        "_write_path_response_frame": ("self", "builder", "challenge"),
        "_write_ping_frame": ("self", "builder", "uids", "comment"),
        "_write_retire_connection_id_frame": ("self", "builder", "sequence_number"),
        "_write_streams_blocked_frame": ("self", "builder", "frame_type", "limit"),
        "close": ("self", "error_code", "frame_type", "reason_phrase"),
        "datagrams_to_send": ("self", "now"),
        "get_timer": ("self",),
        "handle_timer": ("self", "now"),
        "receive_datagram": ("self", "data", "addr", "now"),
        "request_key_update": ("self",),
    },
    tls.Context: {
        "_server_handle_certificate": ("self", "input_buf"),
        "_server_handle_certificate_verify": ("self", "input_buf"),
        "_server_handle_finished": ("self", "input_buf", "output_buf"),
        "_server_handle_hello": ("self", "input_buf", "initial_buf", "handshake_buf"),
        "handle_message": ("self", "input_data", "output_buf"),
    },
    recovery.QuicPacketRecovery: {
        "_detect_loss": ("self", "now", "space"),
        "get_probe_timeout": ("self", "include_max_ack_delay"),
        "on_packet_sent": ("self", "packet", "space"),
    },
    recovery.QuicPacketPacer: {
        "next_send_time": ("self", "now"),
        "update_after_send": ("self", "now"),
        "update_rate": ("self", "congestion_window", "smoothed_rtt"),
    },
    cubic.CubicCongestionControl: {"on_packets_lost": ("self", "now", "packets")},
    reno.RenoCongestionControl: {"on_packets_lost": ("self", "now", "packets")},
    stream.QuicStreamReceiver: {"handle_frame": ("self", "frame"), "starting_offset": ("self",)},
}
"""Arguments of methods that are called, or have others in their place."""

_PARTS = {
    recovery.QuicPacketSpace: (
        "ack_at", "ack_eliciting_in_flight", "ack_queue", "expected_packet_number",
        "largest_acked_packet", "largest_received_packet", "largest_received_time", "loss_time",
        "received_packets", "sent_packets",
    ),
    CryptoPair: ("recv", "send", "_update_key_requested"),
    CryptoContext: ("aead", "hp", "key_phase"),
}  # fmt: skip
"""Attributes of objects that are made without arguments."""

_RECOVERY = (
    "_cc", "_logger", "_pacer", "_pto_count", "_quic_logger", "_rtt_first_sample_time",
    "_rtt_initialized", "_rtt_latest", "_rtt_min", "_rtt_smoothed", "_rtt_variance",
    "_time_of_last_sent_ack_eliciting_packet", "handshake_confirmed", "max_ack_delay",
    "peer_completed_address_validation",
)  # fmt: skip


def changes() -> Iterator[str]:
    """What is not as it was, in words."""
    connection = QuicConnection(
        configuration=QuicConfiguration(verify_mode=ssl.CERT_NONE),
    )
    yield from _absent(connection, CONNECTION)
    yield from _absent(connection._loss, _RECOVERY)
    yield from _absent(connection._loss._cc, ("bytes_in_flight", "_max_datagram_size"))
    yield from _absent(QuicNetworkPath(None), ("bytes_received", "bytes_sent", "is_validated"))
    yield from _absent(Limit(0, "", 1), ("sent", "used", "value"))
    for kind, names in _PARTS.items():
        yield from _absent(kind(), names)
    sent = set(packet_builder.QuicSentPacket.__dataclass_fields__)
    wanted = {
        "delivery_handlers", "epoch", "in_flight", "is_ack_eliciting", "packet_number",
        "sent_time",
    }  # fmt: skip
    for name in sorted(wanted - sent):
        yield f"QuicSentPacket has no {name}"
    if hasattr(packet_builder.QuicSentPacket, "__slots__"):
        yield "QuicSentPacket takes no other attributes"
    for kind, methods in METHODS.items():
        for name, arguments in methods.items():
            found = getattr(kind, name, None)
            if found is None:
                yield f"{kind.__name__} has no {name}"
            elif tuple(inspect.signature(found).parameters) != arguments:
                yield f"{kind.__name__}.{name} takes {tuple(inspect.signature(found).parameters)}"
    if not hasattr(packet, "pull_quic_transport_parameters"):
        yield "aioquic.quic.packet has no pull_quic_transport_parameters"


def _absent(thing: object, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if not hasattr(thing, name):
            yield f"{type(thing).__name__} has no {name}"
