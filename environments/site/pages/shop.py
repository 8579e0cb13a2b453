"""The pages of the shop."""

from __future__ import annotations

import sqlite3
from typing import Any

from knowhow.environments.site import shop
from knowhow.environments.site.database import one, rows
from knowhow.environments.site.http import Answer, NotFound, Page, Redirect, Request, Route, found

SORTS = {
    "Name": "name",
    "Price: low to high": "cents",
    "Price: high to low": "cents DESC",
    "Best rated": "rating DESC, name",
}
PRODUCTS = """
SELECT product.*, (SELECT round(avg(stars), 1) FROM review WHERE product = product.id) AS rating,
  (SELECT count(*) FROM review WHERE product = product.id) AS reviews
FROM product
"""
TOTAL = "SELECT coalesce(sum(quantity * cents), 0) FROM purchase_line WHERE purchase = ?"


def home(db: sqlite3.Connection, request: Request) -> Answer:
    featured = rows(db, f"{PRODUCTS} ORDER BY id LIMIT 4")
    return Page("shop/home.html", {"categories": _categories(db), "featured": featured})


def search(db: sqlite3.Connection, request: Request) -> Answer:
    sort = request.get("sort", "Name")
    words, category = request.get("q"), request.get("category")
    query = (
        f"{PRODUCTS} WHERE instr(lower(name), lower(?)) AND ? IN ('', category) ORDER BY {SORTS.get(sort, 'name')}, id"
    )
    shown = rows(db, query, words, category)
    values = {"words": words, "category": category, "sort": sort, "sorts": list(SORTS), "products": shown}
    return Page("shop/search.html", {"categories": _categories(db), **values})


def product(db: sqlite3.Connection, request: Request, id: str) -> Answer:
    shown = _product(db, id)
    reviews = rows(db, "SELECT * FROM review WHERE product = ? ORDER BY day DESC, id DESC", shown["id"])
    return Page("shop/product.html", {"product": shown, "reviews": reviews})


def add(db: sqlite3.Connection, request: Request, id: str) -> Answer:
    shop.put_into_cart(db, _product(db, id)["id"], request.number("quantity"))
    return Redirect("/cart")


def add_wish(db: sqlite3.Connection, request: Request, id: str) -> Answer:
    shop.wish(db, _product(db, id)["id"])
    return Redirect("/wishes")


def add_review(db: sqlite3.Connection, request: Request, id: str) -> Answer:
    shop.review(db, _product(db, id)["id"], request.number("stars"), request.get("text"))
    return Redirect(f"/product/{id}")


def cart(db: sqlite3.Connection, request: Request) -> Answer:
    return Page("shop/cart.html", _cart(db))


def change_quantity(db: sqlite3.Connection, request: Request, id: str) -> Answer:
    shop.set_quantity(db, _product(db, id)["id"], request.number("quantity"))
    return Redirect("/cart")


def take_out(db: sqlite3.Connection, request: Request, id: str) -> Answer:
    shop.take_out(db, _product(db, id)["id"])
    return Redirect("/cart")


def checkout(db: sqlite3.Connection, request: Request) -> Answer:
    return Page("shop/checkout.html", {**_cart(db), "shippings": shop.SHIPPING})


def place_order(db: sqlite3.Connection, request: Request) -> Answer:
    return Redirect(f"/orders/{shop.order_cart(db, request.get('address'), request.get('shipping'))}")


def orders(db: sqlite3.Connection, request: Request) -> Answer:
    listed = [_order(db, row) for row in rows(db, "SELECT * FROM purchase ORDER BY id DESC")]
    return Page("shop/orders.html", {"orders": listed})


def order(db: sqlite3.Connection, request: Request, id: str) -> Answer:
    row = found(one(db, "SELECT * FROM purchase WHERE id = ?", id))
    lines = rows(
        db,
        "SELECT name, product.id, quantity, line.cents FROM purchase_line AS line JOIN product ON product.id = product"
        " WHERE purchase = ? ORDER BY line.rowid",
        id,
    )
    return Page("shop/order.html", {"order": _order(db, row), "lines": lines})


def cancel(db: sqlite3.Connection, request: Request, id: str) -> Answer:
    shop.cancel(db, _number(id))
    return Redirect(f"/orders/{id}")


def order_again(db: sqlite3.Connection, request: Request, id: str) -> Answer:
    shop.order_again(db, _number(id))
    return Redirect("/cart")


def wishes(db: sqlite3.Connection, request: Request) -> Answer:
    listed = rows(db, f"{PRODUCTS} WHERE id IN (SELECT product FROM wish) ORDER BY name")
    return Page("shop/wishes.html", {"products": listed})


def take_off(db: sqlite3.Connection, request: Request, id: str) -> Answer:
    shop.unwish(db, _product(db, id)["id"])
    return Redirect("/wishes")


def account(db: sqlite3.Connection, request: Request) -> Answer:
    return Page("shop/account.html", {})


def change_account(db: sqlite3.Connection, request: Request) -> Answer:
    shop.change_account(db, request.get("email"), request.get("phone"), request.get("address"))
    return Redirect("/account")


def _categories(db: sqlite3.Connection) -> list[str]:
    return [row["category"] for row in rows(db, "SELECT DISTINCT category FROM product ORDER BY category")]


def _product(db: sqlite3.Connection, id: str) -> Any:
    return found(one(db, f"{PRODUCTS} WHERE id = ?", _number(id)))


def _order(db: sqlite3.Connection, row: Any) -> dict[str, Any]:
    return {**dict(row), "total": one(db, TOTAL, row["id"])}


def _cart(db: sqlite3.Connection) -> dict[str, Any]:
    lines = rows(db, "SELECT product.*, quantity FROM cart JOIN product ON id = product ORDER BY name")
    return {"lines": lines, "total": sum(line["quantity"] * line["cents"] for line in lines)}


def _number(id: str) -> int:
    if not id.isdecimal():
        raise NotFound
    return int(id)


ROUTES = (
    Route("GET", "/", home),
    Route("GET", "/search", search),
    Route("GET", "/product/{id}", product),
    Route("POST", "/product/{id}/cart", add),
    Route("POST", "/product/{id}/wish", add_wish),
    Route("POST", "/product/{id}/review", add_review),
    Route("GET", "/cart", cart),
    Route("POST", "/cart/{id}", change_quantity),
    Route("POST", "/cart/{id}/out", take_out),
    Route("GET", "/checkout", checkout),
    Route("POST", "/checkout", place_order),
    Route("GET", "/orders", orders),
    Route("GET", "/orders/{id}", order),
    Route("POST", "/orders/{id}/cancel", cancel),
    Route("POST", "/orders/{id}/again", order_again),
    Route("GET", "/wishes", wishes),
    Route("POST", "/wishes/{id}/off", take_off),
    Route("GET", "/account", account),
    Route("POST", "/account", change_account),
)
