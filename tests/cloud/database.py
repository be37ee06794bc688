"""The SQLite files of the services: one writer at a time, saved, put back."""

from __future__ import annotations

import collections
from collections import abc
import contextlib
import datetime
import pathlib
import shutil
import sqlite3
import threading
from typing import Any

NOVA = ('nova_api', 'nova_cell0', 'nova_cell1')
NAMES = (
    'keystone',
    'placement',
    'glance',
    'cinder',
    'neutron',
    *NOVA,
)
# These report here, and would look dead with the heartbeats of a saved copy.
HEARTBEATS = {
    'cinder': 'UPDATE services SET updated_at = :now',
    'nova_cell1': 'UPDATE services SET updated_at = :now, last_seen_up = :now',
}


def serialise_writers() -> None:
    """One writer at a time per database, in this process.

    SQLite cannot do better, and a transaction that reads before it writes
    would fail at once as 'locked'.
    """
    from oslo_db.sqlalchemy import enginefacade

    manager = enginefacade._TransactionContextManager
    original = manager._transaction_scope
    locks: dict[str, Any] = collections.defaultdict(threading.RLock)

    @contextlib.contextmanager
    def transaction_scope(self: Any, context: Any) -> abc.Iterator[Any]:
        lock: Any = contextlib.nullcontext()
        if self._mode is enginefacade._WRITER:
            lock = locks[str(self.reader.get_engine().url)]
        with lock, original(self, context) as resource:
            yield resource

    manager._transaction_scope = transaction_scope


def timestamp(moment: datetime.datetime | None = None) -> str:
    """A moment (or now), in UTC, as SQLAlchemy writes it into SQLite."""
    moment = moment or datetime.datetime.now(datetime.UTC)
    return moment.strftime('%Y-%m-%d %H:%M:%S.%f')


class Databases:
    """The databases of all services, and a copy of each."""

    def __init__(self, state: pathlib.Path) -> None:
        self.state = state
        self.copies = state / 'saved'
        self.changes: dict[str, bytes] = {}

    def path(self, name: str) -> pathlib.Path:
        return self.state / (name + '.sqlite')

    def url(self, name: str) -> str:
        return f'sqlite:///{self.path(name)}?timeout=60'

    @contextlib.contextmanager
    def connect(self, name: str) -> abc.Iterator[sqlite3.Connection]:
        with contextlib.closing(
            sqlite3.connect(self.path(name), timeout=60)
        ) as connection:
            connection.row_factory = sqlite3.Row
            with connection:
                yield connection

    def save(self) -> None:
        """Copy every database, and the images, as they are now."""
        self.copies.mkdir()
        for name in NAMES:
            self.copy(self.path(name), self.copies / self.path(name).name)
            self.changes[name] = self.change_counter(name)
        shutil.copytree(self.state / 'images', self.copies / 'images')

    def restore(self) -> list[str]:
        """Put back what was saved; return what had changed.

        Whole files, by SQLite's own online backup: it takes the same locks
        as any writer, so the services may go on using the file, and it needs
        no knowledge of anybody's tables.
        """
        changed = [name for name in NAMES if self.has_changed(name)]
        for name in changed:
            copy = self.copies / self.path(name).name
            if name in HEARTBEATS:
                with contextlib.closing(sqlite3.connect(copy)) as connection:
                    with connection:
                        connection.execute(
                            HEARTBEATS[name], {'now': timestamp()}
                        )
            self.copy(copy, self.path(name))
            self.changes[name] = self.change_counter(name)
        if 'glance' in changed:
            shutil.rmtree(self.state / 'images')
            shutil.copytree(self.copies / 'images', self.state / 'images')
        return changed

    def has_changed(self, name: str) -> bool:
        """Whether anything was written since it was saved or put back."""
        return self.is_wal(name) or (
            self.change_counter(name) != self.changes[name]
        )

    def is_wal(self, name: str) -> bool:
        """Whether it has a write-ahead log: then there is no counter."""
        with self.path(name).open('rb') as stream:
            return stream.read(20)[18:] == b'\2\2'

    def change_counter(self, name: str) -> bytes:
        """What SQLite increments, in the header, with every transaction."""
        with self.path(name).open('rb') as stream:
            return stream.read(28)[24:]

    @staticmethod
    def copy(source: pathlib.Path, target: pathlib.Path) -> None:
        with contextlib.closing(sqlite3.connect(source, timeout=60)) as old:
            with contextlib.closing(
                sqlite3.connect(target, timeout=60)
            ) as new:
                new.execute('PRAGMA synchronous = OFF')
                old.backup(new, sleep=0.005)


class NovaRows:
    """Rows of Nova's cell databases, as they are, without Nova's opinion."""

    def __init__(self, databases: Databases) -> None:
        self.databases = databases

    def select(self, table: str, **where: Any) -> list[dict[str, Any]]:
        query = 'SELECT * FROM {} WHERE {}'.format(
            table, ' AND '.join(f'{name} = :{name}' for name in where) or '1'
        )
        rows = []
        for cell in ('nova_cell1', 'nova_cell0'):
            with self.databases.connect(cell) as connection:
                rows += map(dict, connection.execute(query, where).fetchall())
        return rows

    def update(self, table: str, fields: dict[str, Any], **where: Any) -> None:
        query = 'UPDATE {} SET {} WHERE {}'.format(
            table,
            ', '.join(f'{name} = :{name}' for name in fields),
            ' AND '.join(f'{name} = :where_{name}' for name in where),
        )
        values = dict(
            fields, **{'where_' + name: value for name, value in where.items()}
        )
        with self.databases.connect('nova_cell1') as connection:
            if not connection.execute(query, values).rowcount:
                raise LookupError(f'no such row in {table}: {where}')

    def insert(self, table: str, fields: dict[str, Any]) -> int:
        query = 'INSERT INTO {} ({}) VALUES ({})'.format(
            table, ', '.join(fields), ', '.join(':' + name for name in fields)
        )
        with self.databases.connect('nova_cell1') as connection:
            return connection.execute(query, fields).lastrowid or 0
