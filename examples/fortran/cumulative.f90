!> The part of cumulative.h that a Fortran program needs most, for any compiler with iso_c_binding.
!>
!> The library numbers axes from 0 and takes extents in C's order, where the last index runs fastest. In a Fortran array
!> the first one does. So a contiguous array a(n1, n2, n3) is described by its extents reversed, [n3, n2, n1], and its
!> dimension d is axis 3 - d of that: c_shape and c_axis below. Nothing is copied or transposed.
module cumulative
  use, intrinsic :: iso_c_binding
  implicit none
  private

  public :: cum_options, cum_options_init, cum_scan, c_shape, c_axis, stop_on_error

  integer(c_int32_t), parameter, public :: CUM_SUM = 1, CUM_PROD = 2, CUM_MAX = 3, CUM_MIN = 4, CUM_LOGSUMEXP = 5
  integer(c_int32_t), parameter, public :: CUM_I32 = int(z'0020', c_int32_t), CUM_I64 = int(z'0040', c_int32_t)
  integer(c_int32_t), parameter, public :: CUM_F32 = int(z'0220', c_int32_t), CUM_F64 = int(z'0240', c_int32_t)
  integer(c_int32_t), parameter, public :: CUM_C64 = int(z'0540', c_int32_t), CUM_C128 = int(z'0580', c_int32_t)
  integer(c_int32_t), parameter, public :: CUM_EXCLUSIVE = 1, CUM_REVERSE = 2, CUM_INCLUDE_INITIAL = 4
  integer(c_int32_t), parameter, public :: CUM_SEQUENTIAL = 0, CUM_REASSOCIATE = 1, CUM_COMPENSATED = 2
  integer(c_int32_t), parameter, public :: CUM_NAN_PROPAGATE = 0, CUM_NAN_IDENTITY = 1, CUM_NAN_SKIP = 2
  integer(c_int32_t), parameter, public :: CUM_WRAP = 0, CUM_CHECK = 1, CUM_SATURATE = 2
  integer(c_int32_t), parameter, public :: CUM_OK = 0

  type, bind(c) :: cum_options
    integer(c_size_t)  :: struct_size
    integer(c_int32_t) :: dtype
    integer(c_int32_t) :: flags
    integer(c_int32_t) :: mode
    integer(c_int32_t) :: nan
    integer(c_int32_t) :: overflow
    integer(c_int32_t) :: max_threads
    type(c_ptr)        :: carry_in
    integer(c_size_t)  :: carry_in_len
    type(c_ptr)        :: carry_out
    integer(c_size_t)  :: carry_out_len
    type(c_funptr)     :: progress
    type(c_ptr)        :: user
    type(c_ptr)        :: message
    integer(c_size_t)  :: message_size
    type(c_ptr)        :: where
  end type cum_options

  interface
    subroutine cum_options_init_c(options, struct_size) bind(c, name='cum_options_init')
      import :: cum_options, c_size_t
      type(cum_options), intent(out)       :: options
      integer(c_size_t), intent(in), value :: struct_size
    end subroutine cum_options_init_c

    !> x and out are c_loc of the arrays, which need the target attribute; c_null_ptr as strides says contiguous.
    integer(c_int32_t) function cum_scan(op, ndim, shape, axis, x, x_dtype, x_strides, out, out_dtype, out_strides, options) &
        bind(c, name='cum_scan')
      import :: cum_options, c_int32_t, c_int64_t, c_ptr
      integer(c_int32_t), intent(in), value :: op, ndim, axis, x_dtype, out_dtype
      integer(c_int64_t), intent(in)        :: shape(*)
      type(c_ptr), intent(in), value        :: x, x_strides, out, out_strides
      type(cum_options), intent(in)         :: options
    end function cum_scan

    type(c_ptr) function cum_last_error_c() bind(c, name='cum_last_error')
      import :: c_ptr
    end function cum_last_error_c

    type(c_ptr) function cum_status_name_c(status) bind(c, name='cum_status_name')
      import :: c_ptr, c_int32_t
      integer(c_int32_t), intent(in), value :: status
    end function cum_status_name_c

    integer(c_size_t) function strlen(text) bind(c, name='strlen')
      import :: c_ptr, c_size_t
      type(c_ptr), intent(in), value :: text
    end function strlen
  end interface

contains

  subroutine cum_options_init(options)
    type(cum_options), intent(out) :: options

    call cum_options_init_c(options, c_sizeof(options))
  end subroutine cum_options_init

  !> The extents as the library takes them, of an array of this Fortran shape: c_shape(shape(a)).
  pure function c_shape(fortran_shape) result(reversed)
    integer, intent(in) :: fortran_shape(:)
    integer(c_int64_t)  :: reversed(size(fortran_shape))

    reversed = int(fortran_shape(size(fortran_shape):1:-1), c_int64_t)
  end function c_shape

  !> The library's axis, from 0, for dimension dim, from 1, of an array of the given rank.
  pure integer(c_int32_t) function c_axis(dim, rank)
    integer, intent(in) :: dim, rank

    c_axis = int(rank - dim, c_int32_t)
  end function c_axis

  !> Ends the program with the library's sentence unless status is CUM_OK.
  subroutine stop_on_error(status)
    integer(c_int32_t), intent(in) :: status
    character(len=:), allocatable  :: sentence

    if (status == CUM_OK) return
    sentence = c_string(cum_status_name_c(status))//': '//c_string(cum_last_error_c())
    error stop sentence
  end subroutine stop_on_error

  function c_string(pointer) result(text)
    type(c_ptr), intent(in)                :: pointer
    character(len=:), allocatable          :: text
    character(kind=c_char), pointer        :: letters(:)
    integer                                :: i

    call c_f_pointer(pointer, letters, [strlen(pointer)])
    allocate (character(len=size(letters)) :: text)
    do i = 1, size(letters)
      text(i:i) = letters(i)
    end do
  end function c_string

end module cumulative
