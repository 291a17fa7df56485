/* Daily weather, read from a CSV file into arrays of years x days. */
#ifndef WEATHER_H
#define WEATHER_H

#include <stdint.h>

/* Every year has 366 places, so that a date has the same place in each: 29 February is a missing day of a common year. */
enum { MONTHS = 12, DAYS = 366 };

struct weather {
    int first_year;
    int64_t years;
    double *rain;     /* years x DAYS, mm; NaN where there is no observation */
    double *warmest;  /* years x DAYS, the day's highest temperature, degrees Celsius; NaN likewise */
};

/* The place of a month's first day, counted from 0; month 12 is the end of the year. */
int month_start(int month);

/* Returns 0, or -1 after it has told standard error what is wrong with the file. */
int weather_read(const char *path, struct weather *weather);

void weather_free(struct weather *weather);

#endif
