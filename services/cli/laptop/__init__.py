"""Everything on one machine: embedded servers, the roles, and the supervisor that keeps them running."""
