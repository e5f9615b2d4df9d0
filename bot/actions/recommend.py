"""action_recommend: what this customer may want next, and why; on the desk, what an agent might suggest.

Nothing is offered to somebody who is angry, or was a moment ago.
"""

from __future__ import annotations

from bot import phrases
from bot.actions.outcome import NOTHING_ASKED, Outcome, Scene
from bot.decisions import RunAction
from bot.errors import NoSuchCustomer
from bot.reading import parse_payload
from bot.recommend.offer import Offer, offers, owned
from bot.services import Services
from bot.types import Conversation, HandoffReason, Reply, Role
from bot.wire import VERSION, Json
from retrieval.related import Related
from retrieval.types import PassageKind

NAME = "action_recommend"
INTENT = "recommend"
DECISION = RunAction(NAME, INTENT)
LOOKED_BACK = 6  # messages of the customer that count: anger in them silences us, what they ask leads to articles
MOST_PAGES = 2


async def recommend(services: Services, conversation: Conversation) -> Outcome:
    """Offer up to three things with a reason each; for an agent, `custom.nightdesk.recommendations` and no words."""
    identity = await services.identify(conversation)
    upset = await was_upset(services, conversation)
    if identity.is_agent:
        found = () if upset else await _offers(services, conversation, identity.serves)
        pages = () if upset else await _pages(services, conversation)
        shown = {
            "v": VERSION,
            "bundle": services.reader.bundle,
            "recommendations": offers_json(found),
            "articles": [{"title": page.title, "source": page.source} for page in pages],
            "upset": upset,
        }
        return Outcome(responses=({"text": None, "buttons": [], "custom": {"nightdesk": shown}},))
    reading, read = await services.read(conversation)
    scene = Scene(conversation, reading, read)
    if upset:
        return scene.offer_person(DECISION, phrases.NOT_NOW, HandoffReason.NEGATIVE_SENTIMENT, NOTHING_ASKED)
    found = await _offers(services, conversation, identity.customer_id)
    if not found:
        return scene.offer_person(DECISION, phrases.NOTHING_FITS, HandoffReason.MISSING_KNOWLEDGE, NOTHING_ASKED)
    pages = await _pages(services, conversation)
    lines = [
        f"• {o.product.name}, {phrases.money(o.product.price, services.settings.currency)}: {o.why}" for o in found
    ]
    read_too = [phrases.also_read([page.title for page in pages])] if pages else []
    return scene.say(DECISION, Reply("\n".join([phrases.MAY_SUIT, *lines, *read_too])), NOTHING_ASKED)


async def was_upset(services: Services, conversation: Conversation) -> bool:
    """True where the customer has been angry in the last messages."""
    said = [message.text for message in conversation.history if message.role is Role.CUSTOMER]
    for text in said[-LOOKED_BACK:]:
        if await services.sounds_upset(text):
            return True
    return False


def offers_json(found: tuple[Offer, ...]) -> list[Json]:
    """What the desk shows."""
    return [{"sku": o.product.sku, "name": o.product.name, "price": str(o.product.price), "why": o.why} for o in found]


async def _pages(services: Services, conversation: Conversation) -> tuple[Related, ...]:
    """Articles that customers who asked what this one asked wanted to know as well; at most MOST_PAGES."""
    said = [m.text for m in conversation.history if m.role is Role.CUSTOMER and not parse_payload(m.text)]
    asked: dict[str, None] = {}
    for text in said[-LOOKED_BACK:]:
        found = await services.reader.find(text)
        article = next((hit for hit in found.hits if hit.passage.kind is PassageKind.ARTICLE), None)
        if article and found.thresholds.suggest.reached_by(article):
            asked[article.passage.source] = None
    pages = {page.source: page for source in asked for page in services.reader.related(source)}
    return tuple(page for source, page in pages.items() if source not in asked)[:MOST_PAGES]


async def _offers(services: Services, conversation: Conversation, customer_id: str | None) -> tuple[Offer, ...]:
    try:
        orders = await services.at_back_office(lambda office: office.orders_of(customer_id)) if customer_id else ()
    except NoSuchCustomer:
        orders = ()
    goods = {product.sku: product for product in await services.at_back_office(lambda office: office.products())}
    bought = owned(orders)
    ranked = await services.at_back_office(lambda office: services.shelf.rank(office, goods, bought))
    return offers(goods, bought, ranked, conversation.text, services.settings.tag_words)
