"""Modules without a clock, one function a kind: with its sizes it makes one. Bodies are SystemVerilog."""

from __future__ import annotations

from math import ceil, log2

from knowhow.environments.hardware.design import Design, design


def adder(w: int) -> Design:
    spec = f"sum is a + b + carry_in: two numbers of {w} bits without a sign, and one bit; no carry is lost."
    return design("adder", spec, f"a:{w} b:{w} carry_in", f"sum:{w + 1}", "  assign sum = a + b + carry_in;")


def add_or_subtract(w: int) -> Design:
    spec = f"result is a + b where subtract is 0 and a - b where it is 1, in {w} bits; zero is 1 where result is 0."
    body = "  assign result = subtract ? a - b : a + b;\n  assign zero = result == 0;"
    return design("add_or_subtract", spec, f"a:{w} b:{w} subtract", f"result:{w} zero", body)


def saturating_adder(w: int) -> Design:
    spec = f"sum is a + b, numbers of {w} bits without a sign; where that needs more bits, it is the largest number."
    body = f"  wire [{w}:0] whole = a + b;\n  assign sum = whole[{w}] ? {{{w}{{1'b1}}}} : whole[{w - 1}:0];"
    return design("saturating_adder", spec, f"a:{w} b:{w}", f"sum:{w}", body)


def multiplexer(w: int) -> Design:
    spec = "y is the one of d0, d1, d2 and d3 whose number is in select."
    body = "  assign y = select[1] ? (select[0] ? d3 : d2) : (select[0] ? d1 : d0);"
    return design("multiplexer", spec, f"d0:{w} d1:{w} d2:{w} d3:{w} select:2", f"y:{w}", body)


def decoder(n: int) -> Design:
    spec = "Where enable is 1, the bit of y whose number is in select is 1 and all others are 0; else y is 0."
    body = f"  assign y = enable ? {1 << n}'d1 << select : {1 << n}'d0;"
    return design("decoder", spec, f"select:{n} enable", f"y:{1 << n}", body)


def priority_encoder(n: int) -> Design:
    bits = ceil(log2(n))
    spec = "position is the number of the highest bit of request that is 1, and valid is 1; where none is, both are 0."
    body = f"""  integer i;
  always @* begin
    position = 0;
    for (i = 0; i < {n}; i = i + 1) if (request[i]) position = i[{bits - 1}:0];
    valid = |request;
  end"""
    return design("priority_encoder", spec, f"request:{n}", f"position:{bits} valid", body)


def comparator(w: int) -> Design:
    spec = f"Of a and b, numbers of {w} bits with a sign (two's complement): less is 1 where a < b, equal where a = b, "
    body = "  assign less = $signed(a) < $signed(b);\n  assign equal = a == b;\n  assign more = !less && !equal;"
    return design("comparator", spec + "more where a > b; the others are 0.", f"a:{w} b:{w}", "less equal more", body)


def parity(w: int) -> Design:
    spec = "even is 1 where an even number of the bits of data are 1, odd is 1 where an odd number are."
    return design("parity", spec, f"data:{w}", "even odd", "  assign odd = ^data;\n  assign even = ~^data;")


def to_gray(w: int) -> Design:
    spec = f"""gray is the Gray code of binary: bit {w - 1} is the same, each other bit is the exclusive or of that bit
    of binary and the next higher one."""
    return design(
        "to_gray",
        spec,
        f"binary:{w}",
        f"gray:{w}",
        "  assign gray = binary ^ (binary >> 1);",
    )


def from_gray(w: int) -> Design:
    spec = f"""binary is the number whose Gray code is gray: bit {w - 1} is the same, each other bit is the exclusive or
    of gray's bits from that one up."""
    body = f"""  integer i;
  always @* for (i = 0; i < {w}; i = i + 1) binary[i] = ^(gray >> i);"""
    return design("from_gray", spec, f"gray:{w}", f"binary:{w}", body)


def rotator(w: int) -> Design:
    spec = "y is data rotated to the left by amount places: what goes out at the top comes in at the bottom."
    body = f"  wire [{2 * w - 1}:0] twice = {{data, data}} << amount;\n  assign y = twice[{2 * w - 1}:{w}];"
    return design("rotator", spec, f"data:{w} amount:{int(log2(w))}", f"y:{w}", body)


def count_ones(w: int) -> Design:
    bits = int(log2(w)) + 1
    body = f"""  integer i;
  always @* begin
    ones = 0;
    for (i = 0; i < {w}; i = i + 1) ones = ones + data[i];
  end"""
    return design("count_ones", "ones is how many bits of data are 1.", f"data:{w}", f"ones:{bits}", body)


def alu(w: int) -> Design:
    spec = f"""By op, y is: 0, a + b; 1, a - b; 2, a and b; 3, a or b; 4, a exclusive or b; 5, not a; 6, a
    shifted left by one; 7, 1 where a < b (without a sign), else 0. All in {w} bits. zero is 1 where y is 0."""
    body = """  always @* case (op)
    0: y = a + b;
    1: y = a - b;
    2: y = a & b;
    3: y = a | b;
    4: y = a ^ b;
    5: y = ~a;
    6: y = a << 1;
    default: y = a < b;
  endcase
  assign zero = y == 0;"""
    return design("alu", spec, f"a:{w} b:{w} op:3", f"y:{w} zero", body)
