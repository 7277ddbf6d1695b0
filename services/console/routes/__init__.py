"""Every route of the API, one module per noun."""

from services.console.endpoints import ApiRoute
from services.console.routes import (
    audit,
    campaign_changes,
    campaigns,
    contacts,
    conversations,
    dead_letters,
    documents,
    held,
    installation,
    jobs,
    messages,
    opt_outs,
    provider,
    reviews,
    schedule,
    tokens,
    traces,
    users,
    webhooks,
    work,
)

NOUNS = (
    contacts,
    opt_outs,
    campaigns,
    campaign_changes,
    messages,
    held,
    reviews,
    conversations,
    jobs,
    webhooks,
    dead_letters,
    work,
    schedule,
    installation,
    provider,
    tokens,
    users,
    traces,
    audit,
    documents,
)
ROUTES = tuple(route for noun in NOUNS for route in noun.router.routes if isinstance(route, ApiRoute))
