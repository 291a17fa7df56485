// How much rain since New Year? Reads daily weather, scans each year with cum_scan and prints the values at the month ends.
//
//     precipitation DATA.csv

#include <cumulative.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <limits>
#include <map>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

template <class T> inline constexpr cum_dtype dtype_of = CUM_DTYPE_DEFAULT;
template <> inline constexpr cum_dtype dtype_of<float> = CUM_F32;
template <> inline constexpr cum_dtype dtype_of<double> = CUM_F64;
template <> inline constexpr cum_dtype dtype_of<std::int32_t> = CUM_I32;
template <> inline constexpr cum_dtype dtype_of<std::int64_t> = CUM_I64;

// Scans a C-contiguous array along one of its axes; a failure of the library is an exception with its sentence.
template <class T>
[[nodiscard]] std::vector<T> scan(cum_op op, std::span<const T> x, std::span<const std::int64_t> shape, std::int32_t axis,
                                  std::int32_t nan = CUM_NAN_PROPAGATE)
{
    static_assert(dtype_of<T> != CUM_DTYPE_DEFAULT, "no dtype of the library is named for this element type");
    const auto elements = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
    if (std::cmp_not_equal(elements, x.size()))
        throw std::invalid_argument("the shape does not go with the number of elements");

    std::vector<T> out(x.size());
    cum_options options;
    cum_options_init(&options, sizeof options);
    options.nan = nan;
    const cum_status status = cum_scan(op, static_cast<std::int32_t>(shape.size()), shape.data(), axis,
                                       x.data(), dtype_of<T>, nullptr, out.data(), dtype_of<T>, nullptr, &options);
    if (status != CUM_OK)
        throw std::runtime_error(std::string(cum_status_name(status)) + ": " + cum_last_error());
    return out;
}

// A date has the same place in every year: 29 February is a missing day of a common one.
constexpr std::int64_t days = 366;
constexpr std::array<std::int64_t, 13> month_start = {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, days};
constexpr std::array<std::string_view, 12> month_names = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Weather {
    int first_year = 0;
    std::int64_t years = 0;
    std::vector<double> rain, warmest;  // years x days; NaN where there is no observation
};

Weather read(const std::string& path)
{
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line))
        throw std::runtime_error(path + ": cannot be read");

    struct Day { double rain, warmest; };
    std::map<int, std::map<std::int64_t, Day>> by_year;
    while (std::getline(file, line)) {
        int year, month, day;
        Day observed;
        if (std::sscanf(line.c_str(), "%4d/%2d/%2d,%lf,%lf,", &year, &month, &day, &observed.rain, &observed.warmest) != 5
            || month < 1 || month > 12 || day < 1 || day > month_start[month] - month_start[month - 1])
            throw std::runtime_error(path + ": not a day's weather: " + line);
        by_year[year][month_start[month - 1] + day - 1] = observed;
    }
    if (by_year.empty())
        throw std::runtime_error(path + ": there are no days in it");

    Weather weather;
    weather.first_year = by_year.begin()->first;
    weather.years = by_year.rbegin()->first - weather.first_year + 1;
    weather.rain.assign(weather.years * days, std::numeric_limits<double>::quiet_NaN());
    weather.warmest = weather.rain;
    for (const auto& [year, observations] : by_year)
        for (const auto& [day, observed] : observations) {
            const auto place = (year - weather.first_year) * days + day;
            weather.rain[place] = observed.rain;
            weather.warmest[place] = observed.warmest;
        }
    return weather;
}

// The value on the last day of the month that has one.
double at_month_end(std::span<const double> year, std::size_t month)
{
    for (auto day = month_start[month + 1] - 1; day >= month_start[month]; --day)
        if (!std::isnan(year[day]))
            return year[day];
    return std::numeric_limits<double>::quiet_NaN();
}

void print_table(std::string_view caption, int first_year, std::span<const double> scanned)
{
    const auto years = static_cast<int>(scanned.size() / days);
    std::cout << caption << "\n\nmonth end";
    for (int year = 0; year < years; ++year)
        std::cout << std::setw(8) << first_year + year;
    std::cout << '\n' << std::fixed << std::setprecision(1);
    for (std::size_t month = 0; month < month_names.size(); ++month) {
        std::cout << std::left << std::setw(9) << month_names[month] << std::right;
        for (int year = 0; year < years; ++year)
            std::cout << std::setw(8) << at_month_end(scanned.subspan(year * days, days), month);
        std::cout << '\n';
    }
}

}  // namespace

int main(int argc, char** argv)
try {
    if (argc != 2)
        throw std::invalid_argument("usage: precipitation DATA.csv");
    const Weather weather = read(argv[1]);
    const std::array<std::int64_t, 2> shape = {weather.years, days};

    // Along axis 1, the days; a missing day adds nothing and stays missing.
    const auto total = scan<double>(CUM_SUM, weather.rain, shape, 1, CUM_NAN_SKIP);
    const auto record = scan<double>(CUM_MAX, weather.warmest, shape, 1, CUM_NAN_SKIP);

    print_table("Seattle: precipitation since 1 January, mm", weather.first_year, total);
    std::cout << '\n';
    print_table("Seattle: highest temperature since 1 January, degrees Celsius", weather.first_year, record);
    std::cout.flush();
    return std::cout ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return EXIT_FAILURE;
}
