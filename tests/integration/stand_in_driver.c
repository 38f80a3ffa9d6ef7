/* SPDX-License-Identifier: Apache-2.0
   A libcuda.so.1 for machines without NVIDIA's driver: the functions that lambert doctor asks, with the signatures of
   the CUDA driver API. What it tells stands in the environment. */
#include <stdlib.h>
#include <string.h>

static int number(const char* name, int otherwise) {
  const char* text = getenv(name);
  return text == NULL ? otherwise : atoi(text);
}

int cuInit(unsigned flags) { return flags == 0 ? number("STAND_IN_ERROR", 0) : 1; }

int cuDriverGetVersion(int* version) {
  *version = number("STAND_IN_CUDA", 13000);
  return 0;
}

int cuDeviceGetCount(int* count) {
  *count = number("STAND_IN_GPUS", 2);
  return 0;
}

int cuDeviceGet(int* device, int ordinal) {
  *device = 10 + ordinal; /* a handle is not an ordinal */
  return 0;
}

int cuDeviceGetName(char* name, int size, int device) {
  if (size < 32) {
    return 1;
  }
  strcpy(name, device == 10 ? "Stand-in 80GB" : "Stand-in 40GB");
  return 0;
}

int cuDeviceTotalMem_v2(size_t* bytes, int device) {
  *bytes = (size_t)(device == 10 ? 80 : 40) << 30;
  return 0;
}

int cuDeviceGetAttribute(int* value, int attribute, int device) {
  *value = attribute == 75 ? (device == 10 ? 9 : number("STAND_IN_MAJOR", 8)) : attribute == 76 ? 0 : -1;
  return 0;
}

int cuGetErrorString(int error, const char** text) {
  *text = error == 100 ? "no CUDA-capable device is detected" : "unknown";
  return 0;
}
