/*
 * How much rain since New Year? Reads daily weather, scans each year with cum_scan, prints the totals at the month
 * ends and draws the curves.
 *
 *     precipitation DATA.csv PICTURE.svg
 */
#include "picture.h"
#include "weather.h"

#include <cumulative.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const MONTH_NAMES[MONTHS] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/*
 * Scans the years of x, each on its own. A missing day adds nothing and stays missing. With CUM_INCLUDE_INITIAL in flags
 * a year of out is one longer than a year of x.
 */
static int scan_years(cum_op op, uint32_t flags, int64_t years, const double *x, double *out)
{
    const int64_t shape[2] = {years, DAYS};
    cum_options options = CUM_OPTIONS_INIT;
    options.flags = flags;
    options.nan = CUM_NAN_SKIP;

    cum_status status = cum_scan(op, 2, shape, 1, x, CUM_F64, NULL, out, CUM_F64, NULL, &options);
    if (status != CUM_OK) {
        fprintf(stderr, "cum_scan: %s: %s\n", cum_status_name(status), cum_last_error());
        return -1;
    }
    return 0;
}

/* The value on the last day of a month that has one; `year` is a year's first day. */
static double at_month_end(const double *year, int month)
{
    for (int day = month_start(month + 1) - 1; day >= month_start(month); day--)
        if (!isnan(year[day]))
            return year[day];
    return NAN;
}

/* `stride`: from a year's first day to that of the next. */
static void print_table(const char *caption, const struct weather *weather, const double *scanned, int stride)
{
    printf("%s\n\nmonth end", caption);
    for (int64_t year = 0; year < weather->years; year++)
        printf("%8d", weather->first_year + (int)year);
    putchar('\n');
    for (int month = 0; month < MONTHS; month++) {
        printf("%-9s", MONTH_NAMES[month]);
        for (int64_t year = 0; year < weather->years; year++)
            printf("%8.1f", at_month_end(scanned + year * stride, month));
        putchar('\n');
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s DATA.csv PICTURE.svg\n", argv[0]);
        return EXIT_FAILURE;
    }
    struct weather weather;
    if (weather_read(argv[1], &weather) != 0)
        return EXIT_FAILURE;

    /* The curves of the total start at midnight of New Year with 0: one value more than there are days. */
    int exit_code = EXIT_FAILURE;
    double *total = malloc((size_t)weather.years * (DAYS + 1) * sizeof *total);
    double *record = malloc((size_t)weather.years * DAYS * sizeof *record);
    if (total == NULL || record == NULL) {
        fprintf(stderr, "%s: no memory\n", argv[0]);
    } else if (scan_years(CUM_SUM, CUM_INCLUDE_INITIAL, weather.years, weather.rain, total) == 0
               && scan_years(CUM_MAX, 0, weather.years, weather.warmest, record) == 0) {
        print_table("Seattle: precipitation since 1 January, mm", &weather, total + 1, DAYS + 1);
        putchar('\n');
        print_table("Seattle: highest temperature since 1 January, degrees Celsius", &weather, record, DAYS);
        if (fflush(stdout) != 0)
            perror("standard output");
        else if (picture_write(argv[2], weather.first_year, (int)weather.years, total, record) == 0)
            exit_code = EXIT_SUCCESS;
    }
    free(total);
    free(record);
    weather_free(&weather);
    return exit_code;
}
