#pragma once
// For tables of what a build has: GADOLIN_IMAGING(X(ingest)) is X(ingest) in a build with the imaging wing, else
// nothing.

#ifdef GADOLIN_HAS_IMAGING
#define GADOLIN_IMAGING(...) __VA_ARGS__
#else
#define GADOLIN_IMAGING(...)
#endif
#ifdef GADOLIN_HAS_TORCH
#define GADOLIN_TORCH(...) __VA_ARGS__
#else
#define GADOLIN_TORCH(...)
#endif
