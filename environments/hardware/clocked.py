"""Clocked modules, one function a kind: with its sizes it makes one. Bodies are SystemVerilog."""

from __future__ import annotations

from math import ceil, log2

from knowhow.environments.hardware.design import Design, design

RISING = "At every rising edge of clk"
RESET = "where reset is 1, it goes to 0 instead"


def register(w: int) -> Design:
    spec = f"{RISING}, q takes d where enable is 1 and stays otherwise; {RESET}."
    return design("register", spec, f"clk reset enable d:{w}", f"q:{w}", _clocked("q <= 0;", "if (enable) q <= d;"))


def counter(w: int) -> Design:
    spec = f"{RISING}, count goes up by one where enable is 1, after its largest number to 0; {RESET}."
    body = _clocked("count <= 0;", "if (enable) count <= count + 1;")
    return design("counter", spec, "clk reset enable", f"count:{w}", body)


def modulo_counter(n: int) -> Design:
    spec = f"{RISING}, count goes up by one, after {n - 1} to 0; {RESET}. last is 1 while count is {n - 1}."
    body = _clocked("count <= 0;", "count <= last ? 0 : count + 1;") + f"\n  assign last = count == {n - 1};"
    return design("modulo_counter", spec, "clk reset", f"count:{ceil(log2(n))} last", body)


def up_down_counter(w: int) -> Design:
    spec = f"{RISING}, count goes up by one where only up is 1, down by one where only down is 1, and stays otherwise. "
    body = _clocked(
        "count <= 0;",
        "if (up && !down && !(&count)) count <= count + 1;",
        "else if (down && !up && |count) count <= count - 1;",
    )
    return design(
        "up_down_counter",
        spec + f"It stops at 0 and at its largest number; {RESET}.",
        "clk reset up down",
        f"count:{w}",
        body,
    )


def shift_register(w: int) -> Design:
    spec = f"{RISING}, q moves by one place towards its highest bit, which is lost, and in becomes bit 0; {RESET}."
    return design("shift_register", spec, "clk reset in", f"q:{w}", _clocked("q <= 0;", f"q <= {{q[{w - 2}:0], in}};"))


def edge_detector(which: str) -> Design:
    values = {"rising": "0 before and 1 now", "falling": "1 before and 0 now", "any": "another one before than now"}
    test = {"rising": "in & ~old", "falling": "~in & old", "any": "in ^ old"}[which]
    spec = f"""{RISING}, pulse becomes 1 where in was {values[which]}, and 0 otherwise. Before is at the edge before; a
    reset counts as an edge at which in was 0 and pulse becomes 0."""
    body = "  reg old;\n" + _clocked("{old, pulse} <= 0;", "old <= in;", f"pulse <= {test};")
    return design(f"{which}_edge", spec, "clk reset in", "pulse", body)


def sequence_detector(pattern: str) -> Design:
    n = len(pattern)
    spec = f"""{RISING}, found becomes 1 where the values of in at the last {n} edges, this one included, were
    {pattern} (the oldest first), and 0 otherwise; patterns may overlap. Where reset is 1, found becomes 0 and what
    came so far is forgotten."""
    body = f"""  reg [{n - 1}:0] seen;
  reg [3:0] number;
  wire [{n - 1}:0] now = {{seen[{n - 2}:0], in}};
"""
    body += _clocked(
        "{seen, number, found} <= 0;",
        "seen <= now;",
        f"if (number < {n}) number <= number + 1;",
        f"found <= now == {n}'b{pattern} && number >= {n - 1};",
    )
    return design("sequence_detector", spec, "clk reset in", "found", body)


def feedback_register(w: int, taps: tuple[int, int]) -> Design:
    one, other = taps
    spec = f"""A shift register with feedback. {RISING}, q moves by one place towards its highest bit, and bit 0
    becomes the exclusive or of what bits {one} and {other} were; where reset is 1, q becomes 1 instead."""
    body = _clocked("q <= 1;", f"q <= {{q[{w - 2}:0], q[{one}] ^ q[{other}]}};")
    return design("feedback_register", spec, "clk reset", f"q:{w}", body)


def ticker(n: int) -> Design:
    spec = f"""tick is 1 after every {n}th rising edge of clk at which enable is 1 and until the next rising
    edge, and 0 otherwise. Where reset is 1 at an edge, tick becomes 0 and the count begins anew."""
    body = "  reg [7:0] count;\n" + _clocked(
        "{count, tick} <= 0;",
        f"tick <= enable && count == {n - 1};",
        f"if (enable) count <= count == {n - 1} ? 0 : count + 1;",
    )
    return design("ticker", spec, "clk reset enable", "tick", body)


def pulse_width(w: int) -> Design:
    spec = f"""A counter of {w} bits goes up by one at every rising edge of clk, after its largest number to 0;
    where reset is 1, it goes to 0 instead. out is 1 while the counter is below level."""
    body = f"  reg [{w - 1}:0] count;\n{_clocked('count <= 0;', 'count <= count + 1;')}\n  assign out = count < level;"
    return design("pulse_width", spec, f"clk reset level:{w}", "out", body)


def debouncer(n: int) -> Design:
    spec = f"""{RISING}, out takes the value of in where in had it at the last {n} edges, this one included, and
    stays otherwise. Where reset is 1, out becomes 0, and it is as if in had been 0 at all edges before."""
    body = f"  reg [{n - 2}:0] seen;\n" + _clocked(
        "{seen, out} <= 0;", "seen <= {seen, in};", "if (&{seen, in}) out <= 1;", "else if (~|{seen, in}) out <= 0;"
    )
    return design("debouncer", spec, "clk reset in", "out", body)


def accumulator(w: int) -> Design:
    spec = f"{RISING}, total goes up by data where valid is 1, in {w + 4} bits; {RESET}."
    return design(
        "accumulator",
        spec,
        f"clk reset valid data:{w}",
        f"total:{w + 4}",
        _clocked("total <= 0;", "if (valid) total <= total + data;"),
    )


def highest_so_far(w: int) -> Design:
    spec = (
        f"{RISING}, highest becomes the larger of itself and data, numbers without a sign; {RESET}. higher is 1 while "
    )
    body = _clocked("highest <= 0;", "if (higher) highest <= data;") + "\n  assign higher = data > highest;"
    return design(
        "highest_so_far", spec + "data is larger than highest.", f"clk reset data:{w}", f"highest:{w} higher", body
    )


def queue(n: int, w: int) -> Design:
    bits = int(log2(n))
    spec = f"""A queue of {n} places, first in, first out. front is what has been in it for longest, while it is
    not empty. {RISING}, where pop is 1 and it is not empty, front is taken out; where push is 1 and it is not full,
    data is put in; both may happen at once, and empty and full mean what they were before the edge. Where reset is
    1, it becomes empty instead."""
    body = f"""  reg [{w - 1}:0] places [0:{n - 1}];
  reg [{bits - 1}:0] first, next;
  reg [{bits}:0] count;
  assign empty = count == 0;
  assign full = count == {n};
  assign front = empty ? {w}'bx : places[first];
  wire in = push && !full, out = pop && !empty;
  always @(posedge clk) if (reset) begin
    first <= 0; next <= 0; count <= 0;
  end else begin
    if (in) begin places[next] <= data; next <= next + 1; end
    if (out) first <= first + 1;
    count <= count + in - out;
  end"""
    return design("queue", spec, f"clk reset push pop data:{w}", f"front:{w} empty full", body)


def stack(n: int, w: int) -> Design:
    bits = int(log2(n))
    spec = f"""A stack of {n} places, last in, first out. top is what was put in last, while it is not empty.
    {RISING}, where only push is 1 and it is not full, data is put in; where only pop is 1 and it is not empty, top
    is taken out; else nothing happens. Where reset is 1, it becomes empty instead."""
    body = f"""  reg [{w - 1}:0] places [0:{n - 1}];
  reg [{bits}:0] count;
  assign empty = count == 0;
  assign full = count == {n};
  assign top = empty ? {w}'bx : places[count - 1];
  always @(posedge clk) if (reset) count <= 0;
  else if (push && !pop && !full) begin places[count] <= data; count <= count + 1; end
  else if (pop && !push && !empty) count <= count - 1;"""
    return design("stack", spec, f"clk reset push pop data:{w}", f"top:{w} empty full", body)


def register_file(n: int, w: int) -> Design:
    bits = int(log2(n))
    spec = f"""{n} registers of {w} bits. a and b are what the registers with the numbers read_a and read_b
    hold; register 0 always holds 0. {RISING}, where write is 1, register number takes data."""
    body = f"""  reg [{w - 1}:0] held [0:{n - 1}];
  always @(posedge clk) if (write) held[number] <= data;
  assign a = read_a == 0 ? 0 : held[read_a];
  assign b = read_b == 0 ? 0 : held[read_b];"""
    ports = f"clk write number:{bits} data:{w} read_a:{bits} read_b:{bits}"
    return design("register_file", spec, ports, f"a:{w} b:{w}", body)


def traffic_light(green: int, yellow: int) -> Design:
    red = green + yellow
    spec = f"""A traffic light: green for {green} rising edges of clk, then yellow for {yellow}, then red for
    {red}, then green again. Just one of green, yellow and red is 1. Where reset is 1 at an edge, green begins anew
    with the next one."""
    body = f"""  reg [7:0] count;
{_clocked("count <= 0;", f"count <= count == {green + yellow + red - 1} ? 0 : count + 1;")}
  assign green = count < {green};
  assign yellow = count >= {green} && count < {green + yellow};
  assign red = count >= {green + yellow};"""
    return design("traffic_light", spec, "clk reset", "green yellow red", body)


def vending_machine(price: int) -> Design:
    spec = f"""A machine sells for {price} cents. {RISING}, it gets 5 cents where only five is 1 and 10 cents
    where only ten is 1, nothing otherwise. Once it has {price} cents or more, sold becomes 1 until the next edge,
    change becomes 1 with it where it had 5 cents too much, and it begins anew with nothing; else both become 0.
    Where reset is 1, it begins anew, and both become 0."""
    body = """  reg [7:0] paid;
  wire [7:0] now = paid + (five && !ten ? 5 : 0) + (ten && !five ? 10 : 0);
"""
    body += _clocked(
        "{paid, sold, change} <= 0;",
        f"sold <= now >= {price};",
        f"change <= now > {price};",
        f"paid <= now >= {price} ? 0 : now;",
    )
    return design("vending_machine", spec, "clk reset five ten", "sold change", body)


def _clocked(reset: str, *otherwise: str) -> str:
    block = "".join(f"    {line}\n" for line in otherwise)
    return f"  always @(posedge clk) if (reset) {reset}\n  else begin\n{block}  end"
