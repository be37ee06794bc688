"""Tables for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
import pathlib

import prettytable

from benchmarks import figures


def _figures(findings: figures.Findings) -> prettytable.PrettyTable:
    table = prettytable.PrettyTable(
        ['Part', 'Driver', 'What', 'Median s', 'Least', 'Most', 'Runs', 'Note']
    )
    table.align = 'l'
    for name in ('Median s', 'Least', 'Most', 'Runs'):
        table.align[name] = 'r'
    for item in sorted(findings.figures, key=lambda item: item.part):
        times = (item.seconds, min(item.runs), max(item.runs))
        table.add_row(
            [item.part, item.driver, item.what]
            + [f'{seconds:.2f}' for seconds in times]
            + [len(item.runs), item.note]
        )
    return table


def _targets(findings: figures.Findings) -> prettytable.PrettyTable:
    table = prettytable.PrettyTable(
        ['Part', 'Driver', 'Target', 'Value', 'At most', 'Verdict']
    )
    table.align = 'l'
    for item in sorted(findings.targets, key=lambda item: item.part):
        table.add_row(
            [
                item.part,
                item.driver,
                item.what,
                _with_unit(item.value, item.unit),
                _with_unit(item.limit, item.unit),
                item.verdict.value,
            ]
        )
    return table


def _with_unit(value: float | None, unit: str) -> str:
    return '' if value is None else f'{value:.2f} {unit}'


def text(findings: figures.Findings, facts: Mapping[str, str]) -> str:
    """For a terminal."""
    lines = [f'{name}: {value}' for name, value in facts.items()]
    lines += ['', str(_figures(findings)), '', str(_targets(findings))]
    lines += [f'SKIPPED: {what}' for what in findings.skipped]
    return '\n'.join(lines)


def write(
    findings: figures.Findings, facts: Mapping[str, str], folder: pathlib.Path
) -> None:
    """Write CSV and Markdown into a folder."""
    tables = {'figures': _figures(findings), 'targets': _targets(findings)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with (folder / f'{name}.csv').open('w', newline='') as file:
            file.write(table.get_csv_string())
    parts = ['# Fencing, measured', '']
    parts += [f'* {name}: {value}' for name, value in facts.items()]
    parts += [f'* **skipped**: {what}' for what in findings.skipped]
    for table in tables.values():
        table.set_style(prettytable.TableStyle.MARKDOWN)
        parts += ['', table.get_string()]
    (folder / 'fencing.md').write_text('\n'.join(parts) + '\n')
