import psycopg
import pytest

from postgres_server import PostgresServer


def connection(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""))


def test_every_database_is_empty_and_of_its_own(postgres: PostgresServer) -> None:
    first, second = postgres.new_database(), postgres.new_database()
    with connection(first) as here:
        here.execute("CREATE TABLE note (text TEXT)")
    with connection(second) as there, pytest.raises(psycopg.errors.UndefinedTable):
        there.execute("SELECT text FROM note")


def test_what_was_committed_survives_a_crash_and_connections_break(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    with connection(url) as before:
        before.execute("CREATE TABLE note (text TEXT)")
        before.execute("INSERT INTO note VALUES ('kept')")
        before.commit()
        postgres.restart()
        with pytest.raises(psycopg.OperationalError):
            before.execute("SELECT 1")
    with connection(url) as after:
        assert after.execute("SELECT text FROM note").fetchall() == [("kept",)]


def test_nobody_enters_without_the_password(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    password = url.split(":")[2].split("@")[0]
    with pytest.raises(psycopg.OperationalError, match="password"):
        connection(url.replace(password, "guessed"))
