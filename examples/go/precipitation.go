// How much rain since New Year? Reads daily weather, scans each year with cum_scan and prints the values at the month ends.
//
//	precipitation DATA.csv
package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"strconv"
	"time"

	"cumulative/examples/cumulative"
)

// A date has the same place in every year: 29 February is a missing day of a common one.
const days = 366

var monthStart = [13]int{0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, days}

// weather holds arrays of years x days, NaN where there is no observation.
type weather struct {
	firstYear, years int
	rain, warmest    []float64
}

func read(path string) (*weather, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()

	records := csv.NewReader(bufio.NewReader(file))
	records.FieldsPerRecord = 6
	if _, err := records.Read(); err != nil { // the names of the columns
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	w := &weather{}
	for {
		record, err := records.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if err := w.add(record); err != nil {
			line, _ := records.FieldPos(0)
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
	}
	if w.years == 0 {
		return nil, fmt.Errorf("%s: there are no days in it", path)
	}
	return w, nil
}

// add puts one day in its place. The days come in the order of their dates.
func (w *weather) add(record []string) error {
	date, err := time.Parse("2006/01/02", record[0])
	if err != nil {
		return err
	}
	if w.years == 0 {
		w.firstYear = date.Year()
	}
	if date.Year() < w.firstYear {
		return fmt.Errorf("%s comes too late", record[0])
	}
	for w.firstYear+w.years <= date.Year() {
		for day := 0; day < days; day++ {
			w.rain = append(w.rain, math.NaN())
			w.warmest = append(w.warmest, math.NaN())
		}
		w.years++
	}
	place := (date.Year()-w.firstYear)*days + monthStart[date.Month()-1] + date.Day() - 1
	if w.rain[place], err = strconv.ParseFloat(record[1], 64); err != nil {
		return err
	}
	w.warmest[place], err = strconv.ParseFloat(record[2], 64)
	return err
}

// atMonthEnd is the value on the last day of the month that has one.
func atMonthEnd(year []float64, month time.Month) float64 {
	for day := monthStart[month] - 1; day >= monthStart[month-1]; day-- {
		if !math.IsNaN(year[day]) {
			return year[day]
		}
	}
	return math.NaN()
}

func printTable(out io.Writer, caption string, firstYear int, scanned []float64) {
	fmt.Fprintf(out, "%s\n\nmonth end", caption)
	for year := 0; year*days < len(scanned); year++ {
		fmt.Fprintf(out, "%8d", firstYear+year)
	}
	fmt.Fprintln(out)
	for month := time.January; month <= time.December; month++ {
		fmt.Fprintf(out, "%-9s", month.String()[:3])
		for rest := scanned; len(rest) > 0; rest = rest[days:] {
			fmt.Fprintf(out, "%8.1f", atMonthEnd(rest[:days], month))
		}
		fmt.Fprintln(out)
	}
}

func run(path string) error {
	w, err := read(path)
	if err != nil {
		return err
	}
	shape := []int64{int64(w.years), days}

	// Along axis 1, the days; a missing day adds nothing and stays missing.
	total, err := cumulative.Scan(cumulative.Sum, w.rain, shape, 1, cumulative.Skip)
	if err != nil {
		return err
	}
	record, err := cumulative.Scan(cumulative.Max, w.warmest, shape, 1, cumulative.Skip)
	if err != nil {
		return err
	}

	out := bufio.NewWriter(os.Stdout)
	printTable(out, "Seattle: precipitation since 1 January, mm", w.firstYear, total)
	fmt.Fprintln(out)
	printTable(out, "Seattle: highest temperature since 1 January, degrees Celsius", w.firstYear, record)
	return out.Flush()
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: precipitation DATA.csv")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}
