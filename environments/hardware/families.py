"""Which modules there are to design, in which sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from knowhow.environments.hardware import clocked, plain
from knowhow.environments.hardware.design import Design

FAMILIES: tuple[tuple[Callable[..., Design], tuple[tuple[Any, ...], ...]], ...] = (
    (plain.adder, ((4,), (8,), (12,), (16,))),
    (clocked.counter, ((4,), (3,), (5,), (6,))),
    (plain.multiplexer, ((1,), (4,), (8,), (16,))),
    (clocked.shift_register, ((4,), (8,), (6,), (12,))),
    (clocked.sequence_detector, (("1011",), ("110",), ("0010",), ("10010",))),
    (clocked.queue, ((4, 4), (4, 8), (8, 4), (8, 8))),
    (plain.add_or_subtract, ((4,), (8,), (6,), (16,))),
    (clocked.register, ((1,), (8,), (4,), (16,))),
    (plain.decoder, ((2,), (3,), (4,), (5,))),
    (clocked.edge_detector, (("rising",), ("falling",), ("any",))),
    (plain.priority_encoder, ((4,), (8,), (6,), (16,))),
    (clocked.modulo_counter, ((10,), (6,), (12,), (5,))),
    (plain.comparator, ((4,), (8,), (6,), (16,))),
    (clocked.accumulator, ((4,), (8,), (6,), (12,))),
    (plain.parity, ((4,), (8,), (7,), (16,))),
    (clocked.up_down_counter, ((4,), (2,), (3,), (5,))),
    (plain.to_gray, ((4,), (8,), (6,), (12,))),
    (clocked.pulse_width, ((3,), (4,), (5,), (6,))),
    (plain.from_gray, ((4,), (8,), (6,), (12,))),
    (clocked.ticker, ((4,), (10,), (7,), (3,))),
    (plain.rotator, ((4,), (8,), (16,), (32,))),
    (clocked.debouncer, ((3,), (4,), (5,), (6,))),
    (plain.count_ones, ((4,), (8,), (16,), (32,))),
    (clocked.traffic_light, ((4, 2), (6, 3), (5, 1), (7, 2))),
    (plain.alu, ((4,), (8,), (12,), (16,))),
    (clocked.vending_machine, ((15,), (20,), (25,), (30,))),
    (plain.saturating_adder, ((4,), (8,), (6,), (12,))),
    (clocked.stack, ((4, 4), (4, 8), (8, 4), (8, 8))),
    (clocked.highest_so_far, ((4,), (8,), (6,), (12,))),
    (clocked.register_file, ((4, 4), (4, 8), (8, 4), (8, 8))),
    (clocked.feedback_register, ((4, (3, 2)), (5, (4, 2)), (6, (5, 4)), (7, (6, 5)))),
)
"""Of each kind the last size is the test split's, the one before validation's; the rest are for training."""
