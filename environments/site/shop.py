"""What can be done in the shop."""

from __future__ import annotations

import sqlite3

from knowhow.environments.site.calendar import TODAY
from knowhow.environments.site.database import insert, one, rows
from knowhow.environments.site.refusal import Refused

SHIPPING = ("Standard", "Express")
MOST = 99
"""Of one product in a cart."""


def put_into_cart(db: sqlite3.Connection, product: int, quantity: int) -> None:
    there = one(db, "SELECT quantity FROM cart WHERE product = ?", product) or 0
    set_quantity(db, product, there + quantity)


def set_quantity(db: sqlite3.Connection, product: int, quantity: int) -> None:
    """How many of a product are in the cart. Raises: Refused for none, too many, or more than there are."""
    stock = one(db, "SELECT stock FROM product WHERE id = ?", product)
    if not 1 <= quantity <= MOST:
        raise Refused(f"The quantity must be a whole number from 1 to {MOST}.")
    if quantity > stock:
        raise Refused(f"There are only {stock} of these in stock." if stock else "This is sold out.")
    db.execute("INSERT OR REPLACE INTO cart VALUES (?, ?)", (product, quantity))


def take_out(db: sqlite3.Connection, product: int) -> None:
    db.execute("DELETE FROM cart WHERE product = ?", (product,))


def order_cart(db: sqlite3.Connection, address: str, shipping: str) -> int:
    """Order what is in the cart; the number of the order. Raises: Refused."""
    lines = rows(db, "SELECT product, quantity, cents, stock FROM cart JOIN product ON product.id = cart.product")
    if not lines:
        raise Refused("The cart is empty.")
    if not address or shipping not in SHIPPING:
        raise Refused("An order needs an address and a kind of shipping.")
    number = int(one(db, "SELECT max(id) FROM purchase") or 1000) + 1
    insert(db, "purchase", id=number, day=TODAY, status="processing", address=address, shipping=shipping)
    for line in lines:
        product, quantity = line["product"], line["quantity"]
        insert(db, "purchase_line", purchase=number, product=product, quantity=quantity, cents=line["cents"])
        db.execute("UPDATE product SET stock = stock - ? WHERE id = ?", (quantity, product))
    db.execute("DELETE FROM cart")
    return number


def order_again(db: sqlite3.Connection, number: int) -> None:
    """Put what an order had into the cart, as far as it goes."""
    for line in rows(db, "SELECT product, quantity FROM purchase_line WHERE purchase = ?", number):
        put_into_cart(db, line["product"], line["quantity"])


def cancel(db: sqlite3.Connection, number: int) -> None:
    """Raises: Refused for an order that has left the house."""
    if one(db, "SELECT status FROM purchase WHERE id = ?", number) != "processing":
        raise Refused("Only an order that is still processing can be cancelled.")
    db.execute("UPDATE purchase SET status = 'cancelled' WHERE id = ?", (number,))


def change_account(db: sqlite3.Connection, email: str, phone: str, address: str) -> None:
    if not (email and phone and address):
        raise Refused("E-mail, phone and address are needed.")
    db.execute("UPDATE account SET email = ?, phone = ?, address = ?", (email, phone, address))


def review(db: sqlite3.Connection, product: int, stars: int, text: str) -> None:
    if not 1 <= stars <= 5 or not text:
        raise Refused("A review needs 1 to 5 stars and a text.")
    author = one(db, "SELECT name FROM account")
    insert(db, "review", product=product, author=author, stars=stars, text=text, day=TODAY)


def wish(db: sqlite3.Connection, product: int) -> None:
    db.execute("INSERT OR REPLACE INTO wish VALUES (?)", (product,))


def unwish(db: sqlite3.Connection, product: int) -> None:
    db.execute("DELETE FROM wish WHERE product = ?", (product,))


def money(cents: int) -> str:
    return f"${cents // 100:,}.{cents % 100:02}"
