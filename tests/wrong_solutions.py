"""Plausible wrong solutions of our own problems, by the function that they get wrong."""

WRONG = {
    "run_lengths": [
        """
from collections import Counter
def run_lengths(text):
    return "".join(c + (str(n) if n > 1 else "") for c, n in Counter(text).items())
""",
        """
def run_lengths(text):
    out = ""
    n = 1
    for a, b in zip(text, text[1:]):
        if a == b:
            n += 1
        else:
            out += a + (str(n) if n > 1 else "")
            n = 1
    return out
""",
        """
import itertools
def run_lengths(text):
    return "".join(c + str(len(list(g))) for c, g in itertools.groupby(text))
""",
    ],
    "longest_common_prefix": [
        """
def longest_common_prefix(words):
    out = ""
    for letters in zip(*words):
        if len(set(letters)) == 1:
            out += letters[0]
    return out
""",
        """
def longest_common_prefix(words):
    first, last = words[0], words[-1]
    n = 0
    while n < min(len(first), len(last)) and first[n] == last[n]:
        n += 1
    return first[:n]
""",
    ],
    "caesar": [
        """
def caesar(text, shift):
    return "".join(chr((ord(c) - 97 + shift) % 26 + 97) if c.isalpha() else c for c in text.lower())
""",
        """
def caesar(text, shift):
    def move(c, base):
        n = ord(c) - base + shift
        return chr((n - 26 if n >= 26 else n) + base)
    return "".join(move(c, 97) if "a" <= c <= "z" else move(c, 65) if "A" <= c <= "Z" else c for c in text)
""",
    ],
    "is_anagram": [
        """
def is_anagram(one, other):
    return set(one.lower()) == set(other.lower())
""",
        """
def is_anagram(one, other):
    return sorted(one.lower().replace(" ", "")) == sorted(other.lower().replace(" ", ""))
""",
    ],
    "title_case": [
        """
def title_case(text):
    small = ["a", "an", "and", "of", "the", "to"]
    return " ".join(w.lower() if w.lower() in small else w.capitalize() for w in text.split(" "))
""",
        """
def title_case(text):
    out = text.title()
    for w in ("A", "An", "And", "Of", "The", "To"):
        out = out.replace(" " + w + " ", " " + w.lower() + " ")
    return out
""",
    ],
    "mask_digits": [
        """
def mask_digits(text, keep):
    head = text[:len(text) - keep]
    return "".join("#" if c.isdigit() else c for c in head) + text[len(text) - keep:]
""",
        r"""
import re
def mask_digits(text, keep):
    n = len(re.findall(r"\d", text))
    return re.sub(r"\d", "#", text, count=n - keep)
""",
    ],
    "running_maximum": [
        """
def running_maximum(numbers):
    out, top = [], 0
    for n in numbers:
        top = max(top, n)
        out.append(top)
    return out
""",
    ],
    "without_repeats": [
        """
def without_repeats(values):
    return sorted(set(values))
""",
        """
def without_repeats(values):
    return [a for n, a in enumerate(values) if n == 0 or a != values[n - 1]]
""",
    ],
    "rotate": [
        """
def rotate(values, places):
    return values[-places:] + values[:-places]
""",
        """
def rotate(values, places):
    places %= len(values)
    return values[-places:] + values[:-places]
""",
    ],
    "flatten": [
        """
def flatten(nested):
    out = []
    for one in nested:
        out += one if isinstance(one, list) else [one]
    return out
""",
    ],
    "chunks": [
        """
def chunks(values, size):
    return [values[n * size:(n + 1) * size] for n in range(len(values) // size)]
""",
        """
def chunks(values, size):
    return [values[n * size:(n + 1) * size] for n in range(len(values) // size + 1)]
""",
    ],
    "second_largest": [
        """
def second_largest(numbers):
    return sorted(numbers)[-2] if len(numbers) > 1 else None
""",
        """
def second_largest(numbers):
    first = second = 0
    for n in numbers:
        if n > first:
            first, second = n, first
        elif first > n > second:
            second = n
    return second or None
""",
    ],
    "interleave": [
        """
def interleave(lists):
    return [x for group in zip(*lists) for x in group]
""",
        """
from itertools import zip_longest
def interleave(lists):
    return [x for group in zip_longest(*lists) for x in group if x]
""",
    ],
    "pairs_with_sum": [
        """
def pairs_with_sum(numbers, total):
    have = set(numbers)
    return sum(total - n in have for n in have) // 2
""",
        """
def pairs_with_sum(numbers, total):
    return sum(a + b == total for a in numbers for b in numbers) // 2
""",
    ],
    "longest_rise": [
        """
def longest_rise(numbers):
    best = now = 1
    for a, b in zip(numbers, numbers[1:]):
        now = now + 1 if b > a else 1
        best = max(best, now)
    return best
""",
        """
def longest_rise(numbers):
    best = now = 0
    for n, x in enumerate(numbers):
        if n and x >= numbers[n - 1]:
            now += 1
        else:
            now = 1
        best = max(best, now)
    return best
""",
    ],
    "transpose": [
        """
def transpose(rows):
    return list(zip(*rows))
""",
    ],
    "digit_sum": [
        """
def digit_sum(number):
    total = 0
    while number > 0:
        total += number % 10
        number //= 10
    return total
""",
        """
def digit_sum(number):
    total = 0
    number = abs(number)
    while number > 0:
        total += number % 10
        number = int(number / 10)
    return total
""",
    ],
    "is_prime": [
        """
def is_prime(n):
    return all(n % d for d in range(2, int(n ** 0.5)))
""",
        """
def is_prime(n):
    return all(n % d for d in range(2, n))
""",
    ],
    "prime_factors": [
        """
def prime_factors(n):
    out, d = [], 2
    while d * d <= n:
        if n % d == 0:
            out.append(d)
            n //= d
        d += 1
    return out + ([n] if n > 1 else [])
""",
        """
def prime_factors(n):
    out, d = [], 2
    while d * d <= n:
        while n % d == 0:
            out.append(d)
            n //= d
        d += 1
    return out
""",
    ],
    "to_roman": [
        """
def to_roman(n):
    out = ""
    for v, s in ((1000, "M"), (500, "D"), (100, "C"), (50, "L"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
        out += s * (n // v)
        n %= v
    return out
""",
    ],
    "in_base": [
        """
def in_base(number, base):
    out = ""
    n = abs(number)
    while n:
        out = "0123456789abcdef"[n % base] + out
        n //= base
    return ("-" if number < 0 else "") + out
""",
        """
def in_base(number, base):
    out = ""
    n = abs(number)
    while n:
        out = str(n % base) + out
        n //= base
    return ("-" if number < 0 else "") + (out or "0")
""",
    ],
    "round_half_up": [
        """
def round_half_up(number, places):
    return f"{float(number):.{places}f}"
""",
        """
def round_half_up(number, places):
    return str(round(float(number), places))
""",
    ],
    "perfect_power": [
        """
def perfect_power(n):
    return int(n ** 0.5) ** 2 == n
""",
        """
def perfect_power(n):
    return any(int(n ** (1 / k)) ** k == n for k in range(2, 40))
""",
    ],
    "fraction_sum": [
        """
from fractions import Fraction
def fraction_sum(fractions):
    f = sum((Fraction(a, b) for a, b in fractions), Fraction(0))
    return [f.numerator, f.denominator]
""",
        """
def fraction_sum(fractions):
    top, bottom = 0, 1
    for a, b in fractions:
        top, bottom = top * b + a * bottom, bottom * b
    return top, bottom
""",
    ],
    "spread_evenly": [
        """
def spread_evenly(total, parts):
    each = total // parts
    return [total - each * (parts - 1)] + [each] * (parts - 1)
""",
        """
def spread_evenly(total, parts):
    return [round(total / parts)] * (parts - 1) + [total - round(total / parts) * (parts - 1)]
""",
    ],
    "count_words": [
        """
def count_words(text):
    out = {}
    for w in text.lower().split():
        w = w.strip(".,!?")
        if w:
            out[w] = out.get(w, 0) + 1
    return out
""",
        r"""
import re
def count_words(text):
    out = {}
    for w in re.findall(r"\w+", text.lower()):
        out[w] = out.get(w, 0) + 1
    return out
""",
    ],
    "invert": [
        """
def invert(mapping):
    out = {}
    for k, v in mapping.items():
        out.setdefault(v, []).append(k)
    return out
""",
        """
def invert(mapping):
    return {v: [k] for k, v in mapping.items()}
""",
    ],
    "merge_counts": [
        """
from collections import Counter
def merge_counts(counts):
    return dict(sum((Counter(c) for c in counts), Counter()))
""",
    ],
    "group_by_length": [
        """
def group_by_length(words):
    out = {}
    for w in sorted(set(words)):
        out.setdefault(len(w), []).append(w)
    return out
""",
    ],
    "deep_get": [
        """
def deep_get(data, path, default=None):
    for k in path.split("."):
        data = data.get(k) if isinstance(data, dict) else None
        if data is None:
            return default
    return data
""",
        """
def deep_get(data, path, default=None):
    for k in path.split("."):
        try:
            data = data[k]
        except KeyError:
            return default
    return data or default
""",
    ],
    "top_scorers": [
        """
def top_scorers(scores, count):
    best = dict(scores)
    return sorted(best, key=lambda n: (-best[n], n))[:count]
""",
        """
def top_scorers(scores, count):
    s = {}
    for n, v in scores:
        s[n] = s.get(n, 0) + v
    return sorted(s, key=s.get, reverse=True)[:count]
""",
    ],
    "bill": [
        """
def bill(prices, order):
    c = {a: order.count(a) for a in order}
    return sum(prices.get(a, 0) * (n - (n >= 3)) for a, n in c.items())
""",
        """
def bill(prices, order):
    return sum(prices.get(a, 0) for n, a in enumerate(sorted(order)) if n % 3 != 2)
""",
    ],
    "parse_query": [
        """
def parse_query(query):
    out = {}
    for p in query.split("&"):
        if "=" in p:
            k, v = p.split("=", 1)
            out.setdefault(k, []).append(v)
    return out
""",
        """
from urllib.parse import parse_qs
def parse_query(query):
    return parse_qs(query)
""",
    ],
    "balanced": [
        """
def balanced(text):
    return all(text.count(a) == text.count(b) for a, b in ("()", "[]", "{}"))
""",
        """
def balanced(text):
    stack = []
    pairs = {")": "(", "]": "[", "}": "{"}
    for c in text:
        if c in "([{":
            stack.append(c)
        elif c in pairs:
            if stack and stack[-1] == pairs[c]:
                stack.pop()
            else:
                return False
    return True
""",
    ],
    "calculate": [
        r"""
import re
def calculate(expression):
    value, sign = 0, "+"
    for t in re.findall(r"\d+|[-+*]", expression):
        if t.isdigit():
            value = value + int(t) if sign == "+" else value - int(t) if sign == "-" else value * int(t)
        else:
            sign = t
    return value
""",
    ],
    "split_quoted": [
        """
def split_quoted(line):
    return [p.strip('"') for p in line.split(",")]
""",
        """
import re
def split_quoted(line):
    return [a or b for a, b in re.findall(r'"([^"]*)"|([^,]+)', line)]
""",
    ],
    "parse_duration": [
        r"""
import re
def parse_duration(text):
    return sum(int(n) * {"h": 3600, "m": 60, "s": 1}[u] for n, u in re.findall(r"(\d+)([hms])", text))
""",
        r"""
import re
def parse_duration(text):
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
    if not found:
        raise ValueError(text)
    h, m, s = (int(p or 0) for p in found.groups())
    return h * 3600 + m * 60 + s
""",
    ],
    "parse_ranges": [
        """
def parse_ranges(text):
    out = []
    for p in text.split(","):
        a, _, b = p.partition("-")
        out += range(int(a), int(b or a) + 1)
    return out
""",
    ],
    "version_key": [
        """
def version_key(versions):
    return sorted(versions)
""",
        """
def version_key(versions):
    return sorted(versions, key=lambda v: [int(p) for p in v.split(".")])
""",
    ],
    "strip_comments": [
        """
def strip_comments(source):
    return chr(10).join(line.split("#")[0].rstrip() for line in source.split(chr(10)))
""",
        r"""
import re
def strip_comments(source):
    return chr(10).join(re.sub(r"\s*#[^'\"]*$", "", line) for line in source.split(chr(10)))
""",
    ],
    "parse_fraction": [
        """
from fractions import Fraction
def parse_fraction(text):
    return float(sum(Fraction(p) for p in text.split()))
""",
    ],
    "days_between": [
        """
from datetime import date
def days_between(first, second):
    return (date.fromisoformat(second) - date.fromisoformat(first)).days
""",
    ],
    "is_leap_year": [
        """
def is_leap_year(y):
    return y % 4 == 0 and y % 100 != 0
""",
        """
def is_leap_year(y):
    return y % 4 == 0
""",
    ],
    "weekday_name": [
        """
from datetime import date
def weekday_name(day):
    m, d, y = map(int, day.split("."))
    return date(y, m, d).strftime("%A") if m < 13 else date(y, d, m).strftime("%A")
""",
    ],
    "add_months": [
        """
def add_months(day, months):
    y, m, d = map(int, day.split("-"))
    m += months
    while m > 12:
        y, m = y + 1, m - 12
    while m < 1:
        y, m = y - 1, m + 12
    return f"{y:04}-{m:02}-{min(d, 28 if m == 2 else 30 if m in (4, 6, 9, 11) else 31):02}"
""",
        """
from datetime import date, timedelta
def add_months(day, months):
    return (date.fromisoformat(day) + timedelta(days=30 * months)).isoformat()
""",
    ],
    "clock_angle": [
        """
def clock_angle(time):
    h, m = map(int, time.split(":"))
    a = abs(h % 12 * 30 - m * 6)
    return float(min(a, 360 - a))
""",
        """
def clock_angle(time):
    h, m = map(int, time.split(":"))
    return abs(h % 12 * 30 + m / 2 - m * 6)
""",
    ],
    "overlap_minutes": [
        """
def overlap_minutes(first, second):
    m = lambda t: int(t[:2]) * 60 + int(t[3:])
    return min(m(first[1]), m(second[1])) - max(m(first[0]), m(second[0]))
""",
        """
def overlap_minutes(first, second):
    m = lambda t: int(t[:2]) * 60 + int(t[3:])
    return max(0, m(first[1]) - m(second[0]))
""",
    ],
    "age_on": [
        """
from datetime import date
def age_on(birth, day):
    return (date.fromisoformat(day) - date.fromisoformat(birth)).days // 365
""",
        """
def age_on(birth, day):
    return int(day[:4]) - int(birth[:4])
""",
        """
def age_on(birth, day):
    y = int(day[:4]) - int(birth[:4])
    return y - 1 if int(day[5:7]) < int(birth[5:7]) or int(day[8:]) < int(birth[8:]) else y
""",
    ],
    "working_days": [
        """
from datetime import date
def working_days(first, last):
    n = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
    return n * 5 // 7
""",
    ],
    "binary_search": [
        """
def binary_search(values, wanted):
    low, high = 0, len(values) - 1
    while low <= high:
        mid = (low + high) // 2
        if values[mid] == wanted:
            return mid
        if values[mid] < wanted:
            low = mid + 1
        else:
            high = mid - 1
    return -1
""",
        """
def binary_search(values, wanted):
    low, high = 0, len(values) - 1
    while low < high:
        mid = (low + high) // 2
        if values[mid] < wanted:
            low = mid + 1
        else:
            high = mid
    return low if values[low:low + 1] == [wanted] and low else -1
""",
    ],
    "merge_intervals": [
        """
def merge_intervals(intervals):
    out = []
    for a, b in sorted(intervals):
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], b)
        else:
            out.append((a, b))
    return out
""",
        """
def merge_intervals(intervals):
    out = []
    for a, b in intervals:
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(b, out[-1][1]))
        else:
            out.append((a, b))
    return out
""",
    ],
    "fewest_coins": [
        """
def fewest_coins(amount, coins):
    n = 0
    for c in sorted(coins, reverse=True):
        n += amount // c
        amount %= c
    return -1 if amount else n
""",
    ],
    "shortest_path": [
        """
def shortest_path(edges, start, goal):
    roads = {}
    for a, b in edges:
        roads.setdefault(a, []).append(b)
    seen, queue = {start: 0}, [start]
    for p in queue:
        for q in roads.get(p, []):
            if q not in seen:
                seen[q] = seen[p] + 1
                queue.append(q)
    return seen.get(goal, -1)
""",
        """
def shortest_path(edges, start, goal):
    roads = {}
    for a, b in edges:
        roads.setdefault(a, []).append(b)
        roads.setdefault(b, []).append(a)
    seen, stack = {start: 0}, [start]
    while stack:
        p = stack.pop()
        for q in roads.get(p, []):
            if q not in seen:
                seen[q] = seen[p] + 1
                stack.append(q)
    return seen.get(goal, -1)
""",
    ],
    "order_tasks": [
        """
def order_tasks(tasks):
    out = []
    def visit(t):
        for n in sorted(tasks.get(t, [])):
            if n not in out:
                visit(n)
        if t not in out:
            out.append(t)
    for t in sorted(tasks):
        visit(t)
    return out
""",
    ],
    "longest_common_subsequence": [
        """
def longest_common_subsequence(one, other):
    n = at = 0
    for c in one:
        found = other.find(c, at)
        if found >= 0:
            n, at = n + 1, found + 1
    return n
""",
        """
def longest_common_subsequence(one, other):
    return len(set(one) & set(other))
""",
    ],
    "edit_distance": [
        """
def edit_distance(one, other):
    return sum(a != b for a, b in zip(one, other)) + abs(len(one) - len(other))
""",
    ],
    "spiral": [
        """
def spiral(rows):
    out, top, bottom, left, right = [], 0, len(rows) - 1, 0, len(rows[0]) - 1 if rows else -1
    while top <= bottom and left <= right:
        out += rows[top][left:right + 1]
        out += [rows[r][right] for r in range(top + 1, bottom + 1)]
        out += [rows[bottom][c] for c in range(right - 1, left - 1, -1)]
        out += [rows[r][left] for r in range(bottom - 1, top, -1)]
        top, bottom, left, right = top + 1, bottom - 1, left + 1, right - 1
    return out
""",
    ],
    "life_step": [
        """
def life_step(alive):
    counts = {}
    for x, y in alive:
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                counts[x + dx, y + dy] = counts.get((x + dx, y + dy), 0) + 1
    return sorted(p for p, n in counts.items() if n == 3 or (n == 2 and p in alive))
""",
    ],
    "knapsack": [
        """
def knapsack(things, room):
    best = [0] * (room + 1)
    for w, v in things:
        for at in range(w, room + 1):
            best[at] = max(best[at], best[at - w] + v)
    return best[room]
""",
        """
def knapsack(things, room):
    total = 0
    for w, v in sorted(things, key=lambda t: -t[1] / t[0]):
        if w <= room:
            room -= w
            total += v
    return total
""",
    ],
}
