"""Sessions: several requests of one person, where the later ones lean on the earlier ones.

After conversational web agents, MT-Mind2Web and Self-MAP (arXiv 2402.15057). All of a session is one episode: when a
request is done, the next one comes; the reward is the share of them that were met.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from knowhow.environments.site import shop, tracker, wiki
from knowhow.environments.site.errands.errand import ISSUES, SHOP, WIKI, Draw, Kind, Turn, click, fill, select
from knowhow.environments.site.errands.shop import CATEGORY, cheapest_of, cheapest_way, find
from knowhow.environments.site.errands.tracker import BODIES, ISSUE, TITLES, visit
from knowhow.environments.site.errands.wiki import NEEDS, any_team, fact, read, supply, text_of


def shopping_session(draw: Draw) -> Sequence[Turn]:
    category = draw.pick(CATEGORY)["category"]
    name, other = cheapest_of(draw, category), draw.random.randint(2, 5)
    product = draw.one("SELECT id FROM product WHERE name = ?", name)
    draw.one("SELECT 1 WHERE ? NOT IN (SELECT product FROM cart UNION SELECT product FROM wish)", product)
    ask = f"What is the cheapest product of the category {category} that is in stock? Answer with its name alone."
    change = [fill(f"Quantity of {name}", str(other)), click(f"button Update {name}")]
    return (
        Turn(ask, cheapest_way(category), answer=name),
        Turn(
            "Put it into the cart.",
            [click(f"link {name}"), click("button Add to cart")],
            partial(shop.put_into_cart, product=product, quantity=1),
        ),
        Turn(
            f"On second thoughts, make that {other}.",
            change,
            partial(shop.set_quantity, product=product, quantity=other),
        ),
        Turn(
            "And put it onto my wish list as well.",
            [click(f"link {name}"), click("button Add to wish list")],
            partial(shop.wish, product=product),
        ),
    )


def order_session(draw: Draw) -> Sequence[Turn]:
    number = draw.one("SELECT id FROM purchase WHERE status = 'processing'")
    total = draw.one("SELECT sum(quantity * cents) FROM purchase_line WHERE purchase = ?", number)
    visit_order = [click(f"link Order {number}")]
    again = [click("button Put all of this into the cart")]
    return (
        Turn(
            "Which of my orders is still processing? Answer with its number.",
            [click("link Orders")],
            answer=str(number),
        ),
        Turn("What does it come to?", visit_order, answer=shop.money(total)),
        Turn("Cancel it.", [click("button Cancel this order")], partial(shop.cancel, number=number)),
        Turn("Now put all of it into the cart again.", again, partial(shop.order_again, number=number)),
    )


def issue_session(draw: Draw) -> Sequence[Turn]:
    project, person = draw.pick("SELECT * FROM project ORDER BY key"), draw.pick("SELECT * FROM person ORDER BY login")
    title, body = draw.random.choice(TITLES), draw.random.choice(BODIES)
    label = draw.pick("SELECT name FROM label ORDER BY name")["name"]
    issue = f"{project['key']}-{draw.one('SELECT max(number) FROM issue WHERE project = ?', project['key']) + 1}"
    opening = [
        click(f"link {project['name']}"),
        click("link New issue"),
        fill("Title", title),
        click("button Open issue"),
    ]
    return (
        Turn(
            f'Open an issue of {project["name"]} with the title "{title}", and leave the rest as it is.',
            opening,
            partial(tracker.open_issue, project=project["key"], title=title, body=""),
        ),
        Turn(
            f"Assign it to {person['name']}.",
            [select("Assignee", person["name"]), click("button Save changes")],
            partial(tracker.update, issue=issue, assignee=person["login"]),
        ),
        Turn(
            f"It needs the label {label} too.",
            [select("Label", label), click("button Add label")],
            partial(tracker.add_label, issue=issue, label=label),
        ),
        Turn(
            f'Comment on it: "{body}"',
            [fill("Your comment", body), click("button Add comment")],
            partial(tracker.comment, issue=issue, text=body),
        ),
    )


def triage_session(draw: Draw) -> Sequence[Turn]:
    some = draw.pick(
        "SELECT max(id) AS id FROM issue WHERE state = 'open' AND priority = 'urgent' GROUP BY project"
        " HAVING count(*) = 1 ORDER BY project"
    )
    issue = draw.one(f"{ISSUE} AND id = ? AND reporter <> assignee", some["id"])
    name = draw.one("SELECT name FROM person WHERE login = ?", issue["reporter"])
    return (
        Turn(
            f"Which open issue of {issue['place']} has the priority urgent? Answer with its title alone.",
            visit(issue)[:2],
            answer=issue["title"],
        ),
        Turn("Who reported it? Answer with the full name alone.", visit(issue)[2:], answer=name),
        Turn(
            "Then assign it to that person.",
            [select("Assignee", name), click("button Save changes")],
            partial(tracker.update, issue=issue["id"], assignee=issue["reporter"]),
        ),
        Turn(
            "And lower its priority to normal.",
            [select("Priority", "normal"), click("button Save changes")],
            partial(tracker.update, issue=issue["id"], priority="normal"),
        ),
    )


def people_session(draw: Draw) -> Sequence[Turn]:
    team, new = any_team(draw), str(draw.random.randint(2000, 9999))
    lead = fact(draw, team, "Lead")
    old = fact(draw, lead, "Desk phone")
    text = text_of(draw, lead).replace(f"Desk phone: {old}", f"Desk phone: {new}")
    effect = partial(wiki.replace, title=lead, old=f"Desk phone: {old}", new=f"Desk phone: {new}")
    edit = [click("link Edit this page"), fill("Text", text), click("button Save page")]
    return (
        Turn(f"Who is the lead of {team}? Answer with the full name alone.", read(team), answer=lead),
        Turn("What is the desk phone of that person?", [click(f"link {lead}")], answer=old),
        Turn(f'That has changed: it is "{new}" now. Correct it on the same page.', edit, effect),
    )


def supply_session(draw: Draw) -> Sequence[Turn]:
    need, quantity = draw.random.choice(NEEDS), draw.random.randint(2, 3)
    name, address = supply(draw, need), draw.one("SELECT address FROM account")
    product = draw.one("SELECT * FROM product WHERE name = ? AND id NOT IN (SELECT product FROM cart)", name)
    buy = [fill("Quantity", str(quantity)), click("button Add to cart")]
    order = [click("link Go to checkout"), select("Shipping", "Express"), click("button Place order")]
    return (
        Turn(
            f"What do we order for {need}, according to the wiki? Answer with its name alone.",
            read("Office Supplies"),
            answer=name,
        ),
        Turn("How much is that in the shop?", [click("link Shop"), *find(name)], answer=shop.money(product["cents"])),
        Turn(
            f"Put {quantity} of them into the cart.",
            buy,
            partial(shop.put_into_cart, product=product["id"], quantity=quantity),
        ),
        Turn(
            "Now order all that is in the cart, with the shipping Express, to my usual address.",
            order,
            partial(shop.order_cart, address=address, shipping="Express"),
        ),
    )


DRAWS: tuple[tuple[str, Callable[[Draw], Sequence[Turn]]], ...] = (
    (SHOP, shopping_session),
    (ISSUES, issue_session),
    (WIKI, people_session),
    (SHOP, order_session),
    (ISSUES, triage_session),
    (WIKI, supply_session),
)
KINDS = tuple(Kind(start, draw) for start, draw in DRAWS)
