"""How much rain since New Year? Reads daily weather, scans each year and prints the values at the month ends.

    precipitation.py DATA.csv
"""

import csv
import datetime
import sys

import numpy as np

import cumulative

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
# A date has the same place in every year: 29 February is a missing day of a common one.
MONTH_START = [0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366]


def read(path):
    """The first year, and the observations as years x days with NaN where there is none."""
    with open(path, newline="") as file:
        rows = [
            (datetime.date(*map(int, row["date"].split("/"))), float(row["precipitation"]), float(row["temp_max"]))
            for row in csv.DictReader(file)
        ]
    first, last = (choose(date.year for date, _, _ in rows) for choose in (min, max))
    weather = np.full((last - first + 1, MONTH_START[-1]), np.nan, dtype=[("rain", "f8"), ("warmest", "f8")])
    for date, *observed in rows:
        weather[date.year - first, MONTH_START[date.month - 1] + date.day - 1] = tuple(observed)
    return first, weather


def at_month_end(year, month):
    """The value on the last day of the month that has one."""
    days = year[MONTH_START[month] : MONTH_START[month + 1]]
    return days[~np.isnan(days)][-1]


def print_table(caption, first_year, scanned):
    print(caption, end="\n\n")
    print("month end" + "".join(f"{first_year + i:8d}" for i in range(len(scanned))))
    for month, name in enumerate(MONTHS):
        print(f"{name:9}" + "".join(f"{at_month_end(year, month):8.1f}" for year in scanned))


def main():
    first_year, weather = read(sys.argv[1])

    # Rain and temperature of a day are adjacent in memory, so that each of these is a view with gaps: no copy is made.
    # A missing day adds nothing and stays missing.
    total = cumulative.scan(cumulative.SUM, weather["rain"], axis=1, nan=cumulative.NAN_SKIP)
    record = cumulative.scan(cumulative.MAX, weather["warmest"], axis=1, nan=cumulative.NAN_SKIP)

    print_table("Seattle: precipitation since 1 January, mm", first_year, total)
    print()
    print_table("Seattle: highest temperature since 1 January, degrees Celsius", first_year, record)


if __name__ == "__main__":
    main()
