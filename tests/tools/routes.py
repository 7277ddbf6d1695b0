"""Where the API's routes are, below its prefix."""

from services.console.endpoints import PREFIX, ApiRoute


def path_of(route: ApiRoute) -> str:
    """As the route is declared, the kinds of its parameters included."""
    return route.path.removeprefix(PREFIX)


def address_of(route: ApiRoute) -> str:
    """As the document writes it."""
    return route.path_format.removeprefix(PREFIX)


def status_of(route: ApiRoute) -> int:
    """What a request that does what it asks for is answered with."""
    return route.status_code or 200
