#include "weather.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HEADER[] = "date,precipitation,temp_max,";

struct day {
    int year, month, day;
    double rain, warmest;
};

int month_start(int month)
{
    static const int start[MONTHS + 1] = {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, DAYS};
    return start[month];
}

static int is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int exists(const struct day *day)
{
    if (day->month < 1 || day->month > MONTHS || day->day < 1)
        return 0;
    int length = month_start(day->month) - month_start(day->month - 1);
    if (day->month == 2 && !is_leap(day->year))
        length -= 1;
    return day->day <= length;
}

/* Reads one number and the comma behind it; an empty field is a missing observation. Returns NULL for anything else. */
static const char *read_number(const char *text, double *value)
{
    char *end;
    if (*text == ',') {
        *value = NAN;
        return text + 1;
    }
    *value = strtod(text, &end);
    return end != text && *end == ',' ? end + 1 : NULL;
}

static int read_day(const char *line, struct day *day)
{
    int length = 0;
    if (sscanf(line, "%4d/%2d/%2d,%n", &day->year, &day->month, &day->day, &length) != 3 || length == 0 || !exists(day))
        return 0;
    const char *rest = read_number(line + length, &day->rain);
    return rest != NULL && read_number(rest, &day->warmest) != NULL;
}

/* Reads all days into an array that the caller frees; their number, or -1 after a message. */
static long read_days(const char *path, FILE *file, struct day **days)
{
    char line[256];
    long count = 0, room = 0;

    if (fgets(line, sizeof line, file) == NULL || strncmp(line, HEADER, strlen(HEADER)) != 0) {
        if (ferror(file))
            fprintf(stderr, "%s: %s\n", path, strerror(errno));
        else
            fprintf(stderr, "%s:1: the first line does not begin with \"%s\"\n", path, HEADER);
        return -1;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (count == room) {
            room = room == 0 ? 1024 : 2 * room;
            struct day *grown = realloc(*days, (size_t)room * sizeof **days);
            if (grown == NULL) {
                fprintf(stderr, "%s: no memory for %ld days\n", path, room);
                return -1;
            }
            *days = grown;
        }
        if (!read_day(line, &(*days)[count])) {
            fprintf(stderr, "%s:%ld: not a day's weather: %s", path, count + 2, line);
            return -1;
        }
        count++;
    }
    if (ferror(file)) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    if (count == 0)
        fprintf(stderr, "%s: there are no days in it\n", path);
    return count == 0 ? -1 : count;
}

static int lay_out(const char *path, const struct day *days, long count, struct weather *weather)
{
    int first = days[0].year, last = days[0].year;
    for (long i = 1; i < count; i++) {
        if (days[i].year < first)
            first = days[i].year;
        if (days[i].year > last)
            last = days[i].year;
    }

    size_t places = (size_t)(last - first + 1) * DAYS;
    weather->first_year = first;
    weather->years = last - first + 1;
    weather->rain = malloc(places * sizeof *weather->rain);
    weather->warmest = malloc(places * sizeof *weather->warmest);
    if (weather->rain == NULL || weather->warmest == NULL) {
        fprintf(stderr, "%s: no memory for the years %d to %d\n", path, first, last);
        return -1;
    }
    for (size_t i = 0; i < places; i++)
        weather->rain[i] = weather->warmest[i] = NAN;
    for (long i = 0; i < count; i++) {
        size_t place = (size_t)(days[i].year - first) * DAYS + (size_t)(month_start(days[i].month - 1) + days[i].day - 1);
        weather->rain[place] = days[i].rain;
        weather->warmest[place] = days[i].warmest;
    }
    return 0;
}

int weather_read(const char *path, struct weather *weather)
{
    memset(weather, 0, sizeof *weather);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    struct day *days = NULL;
    long count = read_days(path, file, &days);
    fclose(file);
    int result = count < 0 ? -1 : lay_out(path, days, count, weather);
    free(days);
    if (result != 0)
        weather_free(weather);
    return result;
}

void weather_free(struct weather *weather)
{
    free(weather->rain);
    free(weather->warmest);
    weather->rain = weather->warmest = NULL;
}
