!> How much rain since New Year? Reads daily weather, scans each year with cum_scan and prints the values at the month ends.
!>
!>     precipitation DATA.csv
program precipitation
  use, intrinsic :: iso_c_binding
  use, intrinsic :: ieee_arithmetic, only: ieee_is_nan, ieee_quiet_nan, ieee_value
  use cumulative
  implicit none

  ! A date has the same place in every year: 29 February is a missing day of a common one.
  integer, parameter :: days = 366
  integer, parameter :: month_start(13) = [0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, days]
  character(len=3), parameter :: month_names(12) = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', &
                                                    'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

  ! (days, years), the natural layout here: the days of a year are adjacent. NaN where there is no observation.
  real(c_double), allocatable, target :: rain(:, :), warmest(:, :)
  integer :: first_year
  character(len=1024) :: path

  if (command_argument_count() /= 1) error stop 'usage: precipitation DATA.csv'
  call get_command_argument(1, path)
  call read_weather(trim(path))

  ! Along dimension 1, the days, and in place: a scan may write its result over its input.
  call scan_days(CUM_SUM, rain)
  call scan_days(CUM_MAX, warmest)

  call print_table('Seattle: precipitation since 1 January, mm', rain)
  print '()'
  call print_table('Seattle: highest temperature since 1 January, degrees Celsius', warmest)

contains

  !> A missing day adds nothing and stays missing.
  subroutine scan_days(op, x)
    integer(c_int32_t), intent(in)                    :: op
    real(c_double), intent(inout), contiguous, target :: x(:, :)
    type(cum_options)                                 :: options

    call cum_options_init(options)
    options%nan = CUM_NAN_SKIP
    call stop_on_error(cum_scan(op, 2, c_shape(shape(x)), c_axis(dim=1, rank=2), &
                                c_loc(x), CUM_F64, c_null_ptr, c_loc(x), CUM_F64, c_null_ptr, options))
  end subroutine scan_days

  !> Reads the file twice: for the years in it, then for the observations.
  subroutine read_weather(name)
    character(len=*), intent(in) :: name
    character(len=256) :: line
    integer :: unit, status, year, month, day, last_year
    real(c_double) :: observed(2)

    open (newunit=unit, file=name, status='old', action='read', iostat=status)
    if (status /= 0) error stop 'the data file cannot be opened'
    read (unit, '(a)', iostat=status) line
    if (status /= 0) error stop 'the data file is empty'

    first_year = huge(first_year)
    last_year = 0
    do
      read (unit, '(a)', iostat=status) line
      if (is_iostat_end(status)) exit
      if (status /= 0) error stop 'the data file cannot be read'
      read (line, '(i4)') year
      first_year = min(first_year, year)
      last_year = max(last_year, year)
    end do
    if (last_year < first_year) error stop 'there are no days in the data file'

    allocate (rain(days, last_year - first_year + 1), source=ieee_value(0.0_c_double, ieee_quiet_nan))
    warmest = rain
    rewind (unit)
    read (unit, '(a)') line
    do
      read (unit, '(a)', iostat=status) line
      if (is_iostat_end(status)) exit
      read (line, '(i4, 1x, i2, 1x, i2)') year, month, day
      if (month < 1 .or. month > 12) error stop 'no such month: '//line
      if (day < 1 .or. day > month_start(month + 1) - month_start(month)) error stop 'no such day: '//line
      read (line(12:), *) observed
      rain(month_start(month) + day, year - first_year + 1) = observed(1)
      warmest(month_start(month) + day, year - first_year + 1) = observed(2)
    end do
    close (unit)
  end subroutine read_weather

  !> The value on the last day of the month that has one.
  pure real(c_double) function at_month_end(year, month)
    real(c_double), intent(in) :: year(days)
    integer, intent(in)        :: month
    integer                    :: day

    day = month_start(month + 1)
    do while (day > month_start(month) + 1 .and. ieee_is_nan(year(day)))
      day = day - 1
    end do
    at_month_end = year(day)
  end function at_month_end

  subroutine print_table(caption, scanned)
    character(len=*), intent(in) :: caption
    real(c_double), intent(in)   :: scanned(:, :)
    integer                      :: month, year

    print '(a, /)', caption
    print '(a, *(i8))', 'month end', (first_year + year - 1, year=1, size(scanned, 2))
    do month = 1, 12
      print '(a9, *(f8.1))', month_names(month)//'      ', (at_month_end(scanned(:, year), month), year=1, size(scanned, 2))
    end do
  end subroutine print_table

end program precipitation
