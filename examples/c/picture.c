#include "picture.h"

#include "weather.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* More curves than this in one picture could not be told apart: four colours, drawn solid and then dashed. */
enum { MOST_YEARS = 8, COLOURS = 4 };

/* Distinguishable with each kind of colour blindness, and at least 3.4 : 1 against white. */
static const char *const COLOUR[COLOURS] = {"#1f5a94", "#d55e00", "#009e73", "#882255"};

#define INK "#222"
#define QUIET_INK "#666"
#define GRID "#e4e4e4"

/* Pixels, from the top left corner. */
static const double WIDTH = 1000, HEIGHT = 900;
static const double LEFT = 74, RIGHT = 846;
static const double LABEL_X = 866, LABEL_GAP = 19;

struct panel {
    const char *heading, *unit;
    double top, bottom;      /* pixels */
    int most_steps;          /* between the lowest and the highest tick */
    double low, high, step;  /* in the unit */
};

static double x_of(double day)
{
    return LEFT + day / DAYS * (RIGHT - LEFT);
}

static double y_of(const struct panel *panel, double value)
{
    return panel->bottom - (value - panel->low) / (panel->high - panel->low) * (panel->bottom - panel->top);
}

/* Picks the smallest step of 1, 2 or 5 times a power of ten with which the panel's ticks hold all the values. */
static void fit(struct panel *panel, const double *values, int count)
{
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < count; i++) {
        if (values[i] < low)
            low = values[i];
        if (values[i] > high)
            high = values[i];
    }
    if (!(low < high)) {  /* nothing but missing values, or one and the same */
        low = isfinite(low) ? low - 1 : 0;
        high = low + 2;
    }
    static const double leading[] = {1, 2, 5};
    double power = pow(10, floor(log10((high - low) / panel->most_steps)));
    for (int i = 0;; i++) {
        panel->step = leading[i % 3] * power * pow(10, i / 3);
        panel->low = floor(low / panel->step) * panel->step;
        panel->high = ceil(high / panel->step) * panel->step;
        if (panel->high - panel->low <= (panel->most_steps + 0.5) * panel->step)
            return;
    }
}

static void draw_axes(FILE *svg, const struct panel *panel)
{
    static const char *const name[MONTHS] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

    fprintf(svg, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"16\" font-weight=\"600\">%s"
                 "<tspan font-weight=\"400\" fill=\"" QUIET_INK "\">, %s</tspan></text>\n",
            LEFT, panel->top - 22, panel->heading, panel->unit);

    for (int month = 1; month < MONTHS; month++)
        fprintf(svg, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"" GRID "\"/>\n",
                x_of(month_start(month)), panel->top, panel->bottom + 6);
    for (int i = 0; i <= (int)((panel->high - panel->low) / panel->step + 0.5); i++) {
        double value = panel->low + i * panel->step, y = y_of(panel, value);
        fprintf(svg, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"%s\"/>\n", LEFT, y, RIGHT, i == 0 ? QUIET_INK : GRID);
        fprintf(svg, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\" class=\"tick\">%g</text>\n", LEFT - 10, y + 4.5, value);
    }
    for (int month = 0; month < MONTHS; month++)
        fprintf(svg, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" class=\"tick\">%s</text>\n",
                (x_of(month_start(month)) + x_of(month_start(month + 1))) / 2, panel->bottom + 21, name[month]);
}

static void begin_curve(FILE *svg, const char *id, int year)
{
    fprintf(svg, "<defs><path id=\"%s%d\" fill=\"none\" stroke-linejoin=\"round\" d=\"", id, year);
}

/* Draws the curve twice: in white and broader, so that crossings are clear, then in its colour. */
static void end_curve(FILE *svg, const char *id, int year, double width)
{
    fprintf(svg, "\"/></defs>\n<use href=\"#%s%d\" stroke=\"#fff\" stroke-width=\"%.1f\"/>"
                 "<use href=\"#%s%d\" stroke=\"%s\" stroke-width=\"%.1f\"%s/>\n",
            id, year, 1.8 * width, id, year, COLOUR[year % COLOURS], width,
            year < COLOURS ? "" : " stroke-dasharray=\"7 3\"");
}

/* The total rises through each day; values[i] is that of the midnight before day i. */
static void draw_total(FILE *svg, const struct panel *panel, int year, const double *values)
{
    char command = 'M';
    begin_curve(svg, "total", year);
    for (int i = 0; i <= DAYS; i++) {
        if (isnan(values[i]))
            continue;
        fprintf(svg, "%c%.1f %.1f", command, x_of(i), y_of(panel, values[i]));
        command = 'L';
    }
    end_curve(svg, "total", year, 2.3);
}

/* A record holds from its day on until the next one. */
static void draw_record(FILE *svg, const struct panel *panel, int year, const double *values)
{
    double record = NAN;
    begin_curve(svg, "record", year);
    for (int i = 0; i < DAYS; i++) {
        if (isnan(values[i]) || values[i] == record)
            continue;
        if (isnan(record))
            fprintf(svg, "M%.1f %.1f", x_of(i), y_of(panel, values[i]));
        else
            fprintf(svg, "H%.1fV%.1f", x_of(i), y_of(panel, values[i]));
        record = values[i];
    }
    if (!isnan(record))
        fprintf(svg, "H%.1f", x_of(DAYS));
    end_curve(svg, "record", year, 1.9);
}

static double last_value(const double *values, int count)
{
    while (count > 0 && isnan(values[count - 1]))
        count--;
    return count > 0 ? values[count - 1] : NAN;
}

/* Writes each year and its last value beside the end of its curve; names that would meet are moved apart. */
static void draw_labels(FILE *svg, const struct panel *panel, const char *format, int first_year, int years, const double *last)
{
    int order[MOST_YEARS], count = 0;  /* of the years with a value, from the top down */
    double y[MOST_YEARS];

    for (int year = 0; year < years; year++) {
        if (isnan(last[year]))
            continue;
        int place = count++;
        for (; place > 0 && last[order[place - 1]] < last[year]; place--)
            order[place] = order[place - 1];
        order[place] = year;
    }
    for (int i = 0; i < count; i++)
        y[i] = y_of(panel, last[order[i]]);
    for (int round = 0; round < 200; round++)
        for (int i = 1; i < count; i++) {
            double missing = LABEL_GAP - (y[i] - y[i - 1]);
            if (missing > 0) {
                y[i - 1] -= missing / 2;
                y[i] += missing / 2;
            }
        }

    for (int i = 0; i < count; i++) {
        const char *colour = COLOUR[order[i] % COLOURS];
        double end = y_of(panel, last[order[i]]);
        fprintf(svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\" fill=\"%s\"/>"
                     "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"%s\" stroke-opacity=\"0.6\"/>\n",
                RIGHT, end, colour, RIGHT + 5, end, LABEL_X - 4, y[i], colour);
        fprintf(svg, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"15\" font-weight=\"600\" fill=\"%s\">%d</text>"
                     "<text x=\"%.1f\" y=\"%.1f\" font-size=\"14\" text-anchor=\"end\" fill=\"" INK "\">",
                LABEL_X, y[i] + 5, colour, first_year + order[i], WIDTH - 14, y[i] + 5);
        fprintf(svg, format, last[order[i]]);
        fprintf(svg, " %s</text>\n", panel->unit);
    }
}

static void draw_title(FILE *svg, int first_year, int years, const double *last)
{
    int wettest = 0, driest = 0;
    for (int year = 1; year < years; year++) {
        if (last[year] > last[wettest])
            wettest = year;
        if (last[year] < last[driest])
            driest = year;
    }
    fprintf(svg, "<text x=\"%.1f\" y=\"50\" font-size=\"28\" font-weight=\"700\">How much rain since New Year?</text>\n"
                 "<text x=\"%.1f\" y=\"78\" font-size=\"16\" fill=\"" QUIET_INK "\">"
                 "Seattle, %d to %d: %.0f mm in the wettest year, %d, and %.0f mm in the driest, %d</text>\n",
            LEFT, LEFT, first_year, first_year + years - 1,
            last[wettest], first_year + wettest, last[driest], first_year + driest);
}

static void draw(FILE *svg, int first_year, int years, const double *total, const double *record)
{
    struct panel rain = {"Precipitation since 1 January", "mm", 138, 506, 8, 0, 0, 0};
    struct panel warmth = {"Highest temperature since 1 January", "\302\260C", 604, 824, 7, 0, 0, 0};  /* UTF-8 degree sign */
    double last_total[MOST_YEARS], last_record[MOST_YEARS];

    for (int year = 0; year < years; year++) {
        last_total[year] = last_value(total + year * (DAYS + 1), DAYS + 1);
        last_record[year] = last_value(record + year * DAYS, DAYS);
    }
    fit(&rain, total, years * (DAYS + 1));
    fit(&warmth, record, years * DAYS);

    fprintf(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" height=\"%g\" role=\"img\"\n"
                 "     font-family=\"'Source Sans 3','Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif\" fill=\"" INK "\">\n"
                 "<title>Precipitation and highest temperature since 1 January, Seattle, %d to %d</title>\n"
                 "<style>.tick { font-size: 13.5px; fill: " QUIET_INK " }</style>\n"
                 "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT, first_year, first_year + years - 1);
    draw_title(svg, first_year, years, last_total);

    draw_axes(svg, &rain);
    for (int year = 0; year < years; year++)
        draw_total(svg, &rain, year, total + year * (DAYS + 1));
    draw_labels(svg, &rain, "%.0f", first_year, years, last_total);

    draw_axes(svg, &warmth);
    for (int year = 0; year < years; year++)
        draw_record(svg, &warmth, year, record + year * DAYS);
    draw_labels(svg, &warmth, "%.1f", first_year, years, last_record);

    fprintf(svg, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"12.5\" fill=\"" QUIET_INK "\">"
                 "Daily observations: NOAA, public domain, as prepared by vega-datasets. Curves: cum_scan.</text>\n</svg>\n",
            LEFT, HEIGHT - 18);
}

int picture_write(const char *path, int first_year, int years, const double *total, const double *record)
{
    if (years > MOST_YEARS) {
        fprintf(stderr, "%s: %d years are too many for one picture, %d at most\n", path, years, MOST_YEARS);
        return -1;
    }
    FILE *svg = fopen(path, "w");
    if (svg == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    draw(svg, first_year, years, total, record);
    int failed = ferror(svg);
    if (fclose(svg) != 0 || failed) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    return 0;
}
