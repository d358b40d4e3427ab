# Finds LibTorch without its own TorchConfig.cmake, which stops on a machine that lacks the CUDA toolkit the wheel was built with.
# Looks in GADOLIN_LIBTORCH (variable or environment), then in third_party/.venv. Defines gadolin::torch, GADOLIN_TORCH_VERSION,
# GADOLIN_TORCH_HAS_CUDA, and GADOLIN_TORCH_LIBRARIES: the files that must travel with a program.
set(_roots ${GADOLIN_LIBTORCH} $ENV{GADOLIN_LIBTORCH})
file(GLOB _wheels ${CMAKE_SOURCE_DIR}/third_party/.venv/lib/python3*/site-packages/torch)
find_path(GadolinTorch_ROOT_DIR include/torch/csrc/api/include/torch/torch.h HINTS ${_roots} ${_wheels} NO_DEFAULT_PATH)
find_library(GadolinTorch_CPU torch_cpu HINTS ${GadolinTorch_ROOT_DIR}/lib NO_DEFAULT_PATH)
find_library(GadolinTorch_C10 c10 HINTS ${GadolinTorch_ROOT_DIR}/lib NO_DEFAULT_PATH)
find_library(GadolinTorch_CUDA torch_cuda HINTS ${GadolinTorch_ROOT_DIR}/lib NO_DEFAULT_PATH)
find_library(GadolinTorch_C10_CUDA c10_cuda HINTS ${GadolinTorch_ROOT_DIR}/lib NO_DEFAULT_PATH)
if(GadolinTorch_ROOT_DIR)
  foreach(_file version.py build-version ../version.py)
    if(EXISTS ${GadolinTorch_ROOT_DIR}/${_file} AND NOT GADOLIN_TORCH_VERSION)
      file(STRINGS ${GadolinTorch_ROOT_DIR}/${_file} _line REGEX "[0-9]+\\.[0-9]+\\.[0-9]+" LIMIT_COUNT 1)
      string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+[^']*" GADOLIN_TORCH_VERSION "${_line}")
    endif()
  endforeach()
endif()
file(GLOB GADOLIN_TORCH_LIBRARIES ${GadolinTorch_ROOT_DIR}/lib/libtorch_c*.so ${GadolinTorch_ROOT_DIR}/lib/libc10*.so
  ${GadolinTorch_ROOT_DIR}/lib/libgomp*)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(GadolinTorch
  REQUIRED_VARS GadolinTorch_ROOT_DIR GadolinTorch_CPU GadolinTorch_C10
  REASON_FAILURE_MESSAGE "Run third_party/install.sh, or set GADOLIN_LIBTORCH to a LibTorch >= 2.11")
if(GadolinTorch_FOUND AND NOT TARGET gadolin::torch)
  if(GADOLIN_TORCH_VERSION VERSION_LESS 2.11)
    message(FATAL_ERROR "LibTorch ${GADOLIN_TORCH_VERSION} is too old: gadolin needs >= 2.11")
  endif()
  set(GADOLIN_TORCH_HAS_CUDA OFF)
  add_library(gadolin::torch INTERFACE IMPORTED)
  set_target_properties(gadolin::torch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES
      "${GadolinTorch_ROOT_DIR}/include;${GadolinTorch_ROOT_DIR}/include/torch/csrc/api/include"
    INTERFACE_COMPILE_DEFINITIONS "USE_DISTRIBUTED;USE_C10D_GLOO")
  set(_link ${GadolinTorch_CPU} ${GadolinTorch_C10})
  if(GadolinTorch_CUDA AND GadolinTorch_C10_CUDA)
    set(GADOLIN_TORCH_HAS_CUDA ON)
    # Registration of the CUDA kernels is by load, not by symbol: keep both in DT_NEEDED.
    list(APPEND _link -Wl,--push-state,--no-as-needed ${GadolinTorch_CUDA} ${GadolinTorch_C10_CUDA} -Wl,--pop-state
         -Wl,--allow-shlib-undefined)
  endif()
  set_target_properties(gadolin::torch PROPERTIES INTERFACE_LINK_LIBRARIES "${_link}")
  message(STATUS "LibTorch ${GADOLIN_TORCH_VERSION} in ${GadolinTorch_ROOT_DIR}, CUDA ${GADOLIN_TORCH_HAS_CUDA}")
endif()
