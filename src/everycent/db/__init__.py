"""The database and nothing else: the local instance, connections, statements, migrations, bulk rows."""
