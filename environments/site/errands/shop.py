"""Errands in the shop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from knowhow.environments.site import shop
from knowhow.environments.site.errands.errand import SHOP, Draw, Kind, Turn, all_of, click, fill, select
from knowhow.environments.types import ToolCall

IN_STOCK = "SELECT * FROM product WHERE stock > 0 ORDER BY id"
IN_CART = "SELECT * FROM cart JOIN product ON id = product ORDER BY id"
CATEGORY = "SELECT DISTINCT category FROM product ORDER BY category"


def find(name: str) -> list[ToolCall]:
    """From anywhere in the shop to the page of a product."""
    return [click("link Products"), fill("Search", name), click("button Search"), click(f"link {name}")]


def put(product: str, quantity: int) -> list[ToolCall]:
    """From anywhere in the shop: so many of a product into the cart."""
    return [*find(product), fill("Quantity", str(quantity)), click("button Add to cart")]


def cheapest_way(category: str) -> list[ToolCall]:
    return [
        click("link Products"),
        select("Category", category),
        select("Sort by", "Price: low to high"),
        click("button Search"),
    ]


def cheapest_of(draw: Draw, category: str) -> str:
    return str(draw.one("SELECT name FROM product WHERE category = ? AND stock > 0 ORDER BY cents", category))


def price(draw: Draw) -> Turn:
    product = draw.pick("SELECT * FROM product ORDER BY id")
    return Turn(f"How much is the {product['name']}?", find(product["name"]), answer=shop.money(product["cents"]))


def colour(draw: Draw) -> Turn:
    product = draw.pick("SELECT * FROM product ORDER BY id")
    request = f"Which colour is the {product['name']}? Answer with the colour alone."
    return Turn(request, find(product["name"]), answer=product["colour"])


def cheapest(draw: Draw) -> Turn:
    category = draw.pick(CATEGORY)["category"]
    request = f"What is the cheapest product of the category {category} that is in stock? Answer with its name alone."
    return Turn(request, cheapest_way(category), answer=cheapest_of(draw, category))


def critic(draw: Draw) -> Turn:
    once = draw.pick(
        "SELECT name, min(author) AS author FROM review JOIN product ON product.id = product"
        " WHERE stars = 1 GROUP BY product HAVING count(*) = 1 ORDER BY product"
    )
    request = f"Who gave the {once['name']} one star? Answer with the full name alone."
    return Turn(request, find(once["name"]), answer=once["author"])


def order_total(draw: Draw) -> Turn:
    order = draw.pick(
        "SELECT purchase AS id, sum(quantity * cents) AS total FROM purchase_line GROUP BY id ORDER BY id"
    )
    way = [click("link Orders"), click(f"link Order {order['id']}")]
    return Turn(f"What did my order {order['id']} come to?", way, answer=shop.money(order["total"]))


def ordered_when(draw: Draw) -> Turn:
    line = draw.pick(
        "SELECT name, day, purchase.id FROM purchase_line AS line JOIN product ON product.id = product"
        " JOIN purchase ON purchase.id = purchase GROUP BY product HAVING count(*) = 1 ORDER BY product"
    )
    request = f"On which day did I order the {line['name']}? Answer as in 2026-01-31."
    return Turn(request, [click("link Orders"), click(f"link Order {line['id']}")], answer=line["day"])


def add_to_cart(draw: Draw) -> Turn:
    product, quantity = draw.pick(IN_STOCK), draw.random.randint(1, 3)
    request = f"Put {quantity} of the {product['name']} into the cart."
    effect = partial(shop.put_into_cart, product=product["id"], quantity=quantity)
    return Turn(request, put(product["name"], quantity), effect)


def change_quantity(draw: Draw) -> Turn:
    line = draw.pick(IN_CART)
    name, quantity = line["name"], draw.random.choice([n for n in range(1, 6) if n != line["quantity"]])
    way = [click("link Cart"), fill(f"Quantity of {name}", str(quantity)), click(f"button Update {name}")]
    effect = partial(shop.set_quantity, product=line["id"], quantity=quantity)
    return Turn(f"In my cart, make the quantity of the {name} {quantity}.", way, effect)


def take_out(draw: Draw) -> Turn:
    line = draw.pick(IN_CART)
    way = [click("link Cart"), click(f"button Remove {line['name']}")]
    return Turn(f"Take the {line['name']} out of my cart.", way, partial(shop.take_out, product=line["id"]))


def order_cart(draw: Draw) -> Turn:
    shipping, address = draw.random.choice(shop.SHIPPING), draw.one("SELECT address FROM account")
    way = [*_to_checkout(), select("Shipping", shipping), click("button Place order")]
    request = f"Order what is in my cart, with the shipping {shipping}, to my usual address."
    return Turn(request, way, partial(shop.order_cart, address=address, shipping=shipping))


def order_elsewhere(draw: Draw) -> Turn:
    address = f"{draw.random.randint(2, 98)} {draw.random.choice(['Bridge Street', 'Park Road', 'Long Lane'])}, Bath"
    way = [
        *_to_checkout(),
        fill("Address", address),
        select("Shipping", "Express"),
        click("button Place order"),
    ]
    request = f'Order what is in my cart with the shipping Express, to the address "{address}", for this once.'
    return Turn(request, way, partial(shop.order_cart, address=address, shipping="Express"))


def order_only(draw: Draw) -> Turn:
    product, quantity = draw.pick(IN_STOCK), draw.random.randint(1, 3)
    cart, address = draw.rows(IN_CART), draw.one("SELECT address FROM account")
    way = [
        click("link Cart"),
        *(click(f"button Remove {line['name']}") for line in cart),
        *put(product["name"], quantity),
        *_to_checkout()[1:],
        click("button Place order"),
    ]
    effect = all_of(
        *(partial(shop.take_out, product=line["id"]) for line in cart),
        partial(shop.put_into_cart, product=product["id"], quantity=quantity),
        partial(shop.order_cart, address=address, shipping="Standard"),
    )
    request = f"Empty my cart, then order {quantity} of the {product['name']} with the shipping Standard."
    return Turn(request, way, effect)


def order_again(draw: Draw) -> Turn:
    number = draw.pick("SELECT id FROM purchase ORDER BY id")["id"]
    way = [click("link Orders"), click(f"link Order {number}"), click("button Put all of this into the cart")]
    request = f"Put everything that was in my order {number} into the cart once more."
    return Turn(request, way, partial(shop.order_again, number=number))


def cancel(draw: Draw) -> Turn:
    number = draw.one("SELECT id FROM purchase WHERE status = 'processing'")
    way = [click("link Orders"), click(f"link Order {number}"), click("button Cancel this order")]
    return Turn("Cancel my order that is still processing.", way, partial(shop.cancel, number=number))


def change_phone(draw: Draw) -> Turn:
    account, phone = draw.one("SELECT * FROM account"), f"555-{draw.random.randint(1000, 9999)}"
    effect = partial(shop.change_account, email=account["email"], phone=phone, address=account["address"])
    return Turn(f'My phone number is now "{phone}". Correct it in my account.', _account("Phone", phone), effect)


def change_email(draw: Draw) -> Turn:
    account = draw.one("SELECT * FROM account")
    email = f"{account['login']}{draw.random.randint(10, 99)}@post.example"
    effect = partial(shop.change_account, email=email, phone=account["phone"], address=account["address"])
    return Turn(f'Set the e-mail address of my account to "{email}".', _account("E-mail", email), effect)


def review(draw: Draw) -> Turn:
    product, stars = draw.pick("SELECT * FROM product ORDER BY id"), draw.random.randint(1, 5)
    text = draw.random.choice(
        ["Just what I needed.", "It wobbles a little.", "My cat likes it too.", "Too loud for me."]
    )
    way = [*find(product["name"]), select("Stars", str(stars)), fill("Your review", text), click("button Send review")]
    request = f'Review the {product["name"]}: {stars} of 5 stars, and the text "{text}"'
    return Turn(request, way, partial(shop.review, product=product["id"], stars=stars, text=text))


def wish(draw: Draw) -> Turn:
    product = draw.pick("SELECT * FROM product WHERE id NOT IN (SELECT product FROM wish) ORDER BY id")
    way = [*find(product["name"]), click("button Add to wish list")]
    return Turn(f"Put the {product['name']} onto my wish list.", way, partial(shop.wish, product=product["id"]))


def wish_cheapest(draw: Draw) -> Turn:
    category = draw.pick(CATEGORY)["category"]
    name = cheapest_of(draw, category)
    product = draw.one("SELECT id FROM product WHERE name = ?", name)
    way = [*cheapest_way(category), click(f"link {name}"), click("button Add to wish list")]
    request = f"Put the cheapest product of the category {category} that is in stock onto my wish list."
    return Turn(request, way, partial(shop.wish, product=product))


def unwish(draw: Draw) -> Turn:
    product = draw.pick("SELECT id, name FROM wish JOIN product ON id = product ORDER BY id")
    way = [click("link Wish list"), click(f"button Take {product['name']} off the list")]
    return Turn(f"Take the {product['name']} off my wish list.", way, partial(shop.unwish, product=product["id"]))


def _to_checkout() -> list[ToolCall]:
    return [click("link Cart"), click("link Go to checkout")]


def _account(field: str, text: str) -> list[ToolCall]:
    return [click("link Account"), fill(field, text), click("button Save account")]


DRAWS: tuple[Callable[[Draw], Turn], ...] = (
    price, add_to_cart, change_quantity, cheapest, take_out, colour, order_cart, critic, wish, order_total, cancel,
    change_phone, ordered_when, order_only, review, order_again, wish_cheapest, change_email, unwish, order_elsewhere,
)  # fmt: skip
KINDS = tuple(Kind(SHOP, draw) for draw in DRAWS)
