# How much rain since New Year? Reads daily weather, scans each year with cum_scan and prints the values at the month ends.
#
#     julia precipitation.jl DATA.csv
#
# The shared library is the one that CUM_LIBRARY names, or the build tree's. No packages are needed.

using Dates
using Printf

"Strided arrays through libcumulative."
module Cumulative

const LIBRARY = get(ENV, "CUM_LIBRARY") do
    joinpath(@__DIR__, "..", "..", "target", "release", "libcumulative.so")
end

const SUM, PROD, MAX, MIN = Int32.(1:4)
const NAN_PROPAGATE, NAN_IDENTITY, NAN_SKIP = Int32.(0:2)

"cum_options, field by field."
struct Options
    struct_size::Csize_t
    dtype::Int32
    flags::UInt32
    mode::Int32
    nan::Int32
    overflow::Int32
    max_threads::Int32
    carry_in::Ptr{Cvoid}
    carry_in_len::Csize_t
    carry_out::Ptr{Cvoid}
    carry_out_len::Csize_t
    progress::Ptr{Cvoid}
    user::Ptr{Cvoid}
    message::Ptr{Cchar}
    message_size::Csize_t
    location::Ptr{Int64} # `where` in C, a keyword here
end

Options(; nan = NAN_PROPAGATE) =
    Options(sizeof(Options), 0, 0, 0, nan, 0, 0, C_NULL, 0, C_NULL, 0, C_NULL, C_NULL, C_NULL, 0, C_NULL)

# DLPack's type code and the width in bits.
dtype(::Type{T}) where {T<:Signed} = Int32(8 * sizeof(T))
dtype(::Type{T}) where {T<:Unsigned} = Int32(0x0100 | 8 * sizeof(T))
dtype(::Type{T}) where {T<:Union{Float16,Float32,Float64}} = Int32(0x0200 | 8 * sizeof(T))
dtype(::Type{T}) where {T<:Union{ComplexF32,ComplexF64}} = Int32(0x0500 | 8 * sizeof(T))
dtype(::Type{Bool}) = Int32(0x0608)

byte_strides(a::StridedArray{T}) where {T} = collect(Int64, sizeof(T) .* strides(a))

"""
    scan!(out, op, x; dims, nan)

Scans `x` along a dimension into `out`, which has the size of `x` and may be `x`. Julia's first index runs fastest, and
the library does not mind: the strides tell it. Only its axes count from 0.
"""
function scan!(out::StridedArray, op::Int32, x::StridedArray; dims::Integer, nan::Int32 = NAN_PROPAGATE)
    size(out) == size(x) || throw(DimensionMismatch("out is $(size(out)), x is $(size(x))"))
    status = ccall(
        (:cum_scan, LIBRARY), Int32,
        (Int32, Int32, Ptr{Int64}, Int32, Ptr{Cvoid}, Int32, Ptr{Int64}, Ptr{Cvoid}, Int32, Ptr{Int64}, Ref{Options}),
        op, ndims(x), collect(Int64, size(x)), dims - 1,
        x, dtype(eltype(x)), byte_strides(x), out, dtype(eltype(out)), byte_strides(out), Options(nan = nan),
    )
    if status != 0
        name = unsafe_string(ccall((:cum_status_name, LIBRARY), Cstring, (Int32,), status))
        error(name, ": ", unsafe_string(ccall((:cum_last_error, LIBRARY), Cstring, ())))
    end
    return out
end

"    scan(op, x; dims, nan)\n\nLike `scan!`, into a new array."
scan(op::Int32, x::StridedArray; options...) = scan!(similar(x), op, x; options...)

end # module

# A date has the same place in every year: 29 February is a missing day of a common one.
const MONTH_START = [0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366]

"The first year, and rain and highest temperature as days x years with NaN where there is no observation."
function read_weather(path)
    rows = [split(line, ',') for line in Iterators.drop(eachline(path), 1)]
    dates = [Date(row[1], dateformat"y/m/d") for row in rows]
    first_year, last_year = extrema(year.(dates))
    rain = fill(NaN, MONTH_START[end], last_year - first_year + 1)
    warmest = copy(rain)
    for (date, row) in zip(dates, rows)
        place = CartesianIndex(MONTH_START[month(date)] + day(date), year(date) - first_year + 1)
        rain[place] = parse(Float64, row[2])
        warmest[place] = parse(Float64, row[3])
    end
    return first_year, rain, warmest
end

"The value on the last day of the month that has one."
function at_month_end(days, month)
    in_month = view(days, MONTH_START[month]+1:MONTH_START[month+1])
    return in_month[findlast(!isnan, in_month)]
end

function print_table(caption, first_year, scanned)
    print(caption, "\n\nmonth end")
    foreach(i -> @printf("%8d", first_year + i - 1), axes(scanned, 2))
    println()
    for month in 1:12
        @printf("%-9s", Dates.monthabbr(month))
        foreach(days -> @printf("%8.1f", at_month_end(days, month)), eachcol(scanned))
        println()
    end
end

function main(path)
    first_year, rain, warmest = read_weather(path)

    # Along dimension 1, the days. A missing day adds nothing and stays missing.
    total = Cumulative.scan(Cumulative.SUM, rain; dims = 1, nan = Cumulative.NAN_SKIP)
    record = Cumulative.scan(Cumulative.MAX, warmest; dims = 1, nan = Cumulative.NAN_SKIP)

    print_table("Seattle: precipitation since 1 January, mm", first_year, total)
    println()
    print_table("Seattle: highest temperature since 1 January, degrees Celsius", first_year, record)
end

length(ARGS) == 1 || error("usage: julia precipitation.jl DATA.csv")
main(ARGS[1])
