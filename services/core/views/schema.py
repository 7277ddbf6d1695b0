"""The database's schema, and the rights of the components in it."""

from services.core.views.values import View


class SchemaState(View):
    """`revision` is what the database has, `head` what this program was written for."""

    revision: str | None
    head: str


class SchemaGrants(View):
    """`sql` is one statement a line, with a question mark for each password."""

    sql: str
