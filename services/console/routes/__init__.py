"""Every route of the API, one module per noun."""

from services.console.routes import (
    campaigns,
    contacts,
    dead_letters,
    documents,
    held,
    installation,
    messages,
    opt_outs,
    schedule,
    tokens,
)

ENDPOINTS = (
    *contacts.ENDPOINTS,
    *opt_outs.ENDPOINTS,
    *campaigns.ENDPOINTS,
    *messages.ENDPOINTS,
    *held.ENDPOINTS,
    *dead_letters.ENDPOINTS,
    *schedule.ENDPOINTS,
    *installation.ENDPOINTS,
    *tokens.ENDPOINTS,
    *documents.ENDPOINTS,
)
