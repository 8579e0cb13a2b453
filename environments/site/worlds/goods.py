"""What a world's shop has: products, reviews, orders, a cart and a wish list."""

from __future__ import annotations

import sqlite3
from random import Random

from knowhow.environments.site.calendar import days_ago
from knowhow.environments.site.database import insert, one, rows
from knowhow.environments.site.shop import SHIPPING
from knowhow.environments.site.worlds.cast import Cast, words

STATUSES = ("delivered", "delivered", "delivered", "shipped", "processing")
"""Of the orders, from the oldest on."""


def fill_shop(db: sqlite3.Connection, names: Cast, random: Random) -> None:
    _products(db, names, random)
    products = range(1, one(db, "SELECT max(id) FROM product") + 1)
    for product in products:
        for author in random.sample([*names.people.values()][1:], random.randint(1, 4)):
            _review(db, product, author, random)
    _orders(db, random)
    for product in in_stock(db, random, 5)[:3]:
        insert(db, "cart", product=product, quantity=random.randint(1, 3))
    for product in random.sample(products, 2):
        insert(db, "wish", product=product)


def in_stock(db: sqlite3.Connection, random: Random, count: int) -> list[int]:
    there = [row["id"] for row in rows(db, "SELECT id FROM product WHERE stock > 0 ORDER BY id")]
    return random.sample(there, count)


def _products(db: sqlite3.Connection, names: Cast, random: Random) -> None:
    nouns = [(category, noun) for category, some in words()["categories"].items() for noun in some]
    goods = [(category, noun, brand) for category, noun in nouns for brand in names.brands]
    prices = random.sample(range(450, 19_950, 50), len(goods))  # no two are the same, so that one is the cheapest
    for (category, noun, brand), cents in zip(goods, prices, strict=True):
        insert(
            db,
            "product",
            name=f"{brand} {noun}",
            category=category,
            brand=brand,
            colour=random.choice(words()["colours"]),
            about=random.choice(words()["about"]),
            cents=cents,
            stock=random.choice([0, 6, 12, 25, 40]),
        )


def _review(db: sqlite3.Connection, product: int, author: str, random: Random) -> None:
    stars = random.randint(1, 5)
    tone = "praise" if stars > 3 else "so_so" if stars == 3 else "blame"
    text, day = random.choice(words()[tone]), days_ago(random.randint(5, 300))
    insert(db, "review", product=product, author=author, stars=stars, text=text, day=day)


def _orders(db: sqlite3.Connection, random: Random) -> None:
    address = one(db, "SELECT address FROM account")
    days = sorted(random.sample(range(2, 120), len(STATUSES)), reverse=True)
    for number, (day, status) in enumerate(zip(days, STATUSES, strict=True), 1001):
        shipping = random.choice(SHIPPING)
        insert(db, "purchase", id=number, day=days_ago(day), status=status, address=address, shipping=shipping)
        for product in in_stock(db, random, random.randint(1, 3)):
            cents = one(db, "SELECT cents FROM product WHERE id = ?", product)
            quantity = random.randint(1, 3)
            insert(db, "purchase_line", purchase=number, product=product, quantity=quantity, cents=cents)
