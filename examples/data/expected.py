"""Prints what every example has to print, worked out without the library and without floating point."""

import csv
import sys
from decimal import Decimal

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def month_ends(rows, column, combine):
    """{(year, month): the value on that month's last day}, the rows being in the order of their dates."""
    at_month_end = {}
    running = {}
    for row in rows:
        year, month, _ = map(int, row["date"].split("/"))
        value = Decimal(row[column])
        running[year] = combine(running[year], value) if year in running else value
        at_month_end[year, month] = running[year]
    return at_month_end


def print_table(caption, values):
    years = sorted({year for year, _ in values})
    print(caption)
    print()
    print("month end" + "".join(f"{year:8d}" for year in years))
    for month, name in enumerate(MONTHS, start=1):
        print(f"{name:9}" + "".join(f"{values[year, month]:8.1f}" for year in years))


def main():
    with open(sys.argv[1], newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["date"])
    print_table("Seattle: precipitation since 1 January, mm", month_ends(rows, "precipitation", lambda a, b: a + b))
    print()
    print_table("Seattle: highest temperature since 1 January, degrees Celsius", month_ends(rows, "temp_max", max))


if __name__ == "__main__":
    main()
