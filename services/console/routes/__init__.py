"""Every route of the API, one module per noun."""

from services.console.routes import (
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
    work,
)

ENDPOINTS = (
    *contacts.ENDPOINTS,
    *opt_outs.ENDPOINTS,
    *campaigns.ENDPOINTS,
    *messages.ENDPOINTS,
    *held.ENDPOINTS,
    *reviews.ENDPOINTS,
    *conversations.ENDPOINTS,
    *jobs.ENDPOINTS,
    *dead_letters.ENDPOINTS,
    *work.ENDPOINTS,
    *schedule.ENDPOINTS,
    *installation.ENDPOINTS,
    *provider.ENDPOINTS,
    *tokens.ENDPOINTS,
    *traces.ENDPOINTS,
    *documents.ENDPOINTS,
)
