/* Draws the scanned years as an SVG picture. */
#ifndef PICTURE_H
#define PICTURE_H

/*
 * total: years x (DAYS + 1), mm, at each midnight from New Year to New Year; record: years x DAYS, degrees Celsius.
 * NaN is a day without a value, and the curve goes on behind it. Returns 0, or -1 after a message to standard error.
 */
int picture_write(const char *path, int first_year, int years, const double *total, const double *record);

#endif
