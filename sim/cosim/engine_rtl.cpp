// Drives the generated Verilog of a vector engine: a program, then maps, with pauses at random on every stream.
//
// Arguments: PROGRAM MAPS RESULTS WATCH WORDS STALL SEED PACKETS AHEAD. Files of beats of BANKS bytes each. PACKETS has
// the beats of each packet of PROGRAM, 8 bytes each; maps come behind the first AHEAD of them. RESULTS gets the payload
// of each result beat, PAYLOAD bytes, and its cycle, 8 bytes; WATCH the same of each word on the write bus, and its step.
// Prints the cycle of the first beat of a map, the last cycle, beats taken, and whether the engine complained.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "Vengine.h"
#include "verilated.h"

static const long PATIENCE = 20000;  // cycles in which nothing moves
static const long SILENCE = 200;     // cycles after the last result in which nothing may come

static std::vector<unsigned char> read_all(const char *name) {
  std::vector<unsigned char> bytes;
  FILE *file = fopen(name, "rb");
  if (!file) exit(2);
  for (int c; (c = fgetc(file)) != EOF;) bytes.push_back((unsigned char)c);
  fclose(file);
  return bytes;
}

template <class T> static void put(T &port, const unsigned char *beat, bool last) {
  unsigned char *to = (unsigned char *)&port;
  memset(to, 0, sizeof(port));
  memcpy(to, beat, BANKS);
  if (last) to[BANKS] |= 1;
}

template <class T> static void save(FILE *file, const T &port, size_t size, unsigned long cycle) {
  fwrite(&port, 1, size, file);
  fwrite(&cycle, 8, 1, file);
}

int main(int, char **argument) {
  const auto program = read_all(argument[1]), maps = read_all(argument[2]);
  FILE *results = fopen(argument[3], "wb"), *watch = fopen(argument[4], "wb");
  const long wanted = atol(argument[5]);
  const double stall = atof(argument[6]);
  srand48(atol(argument[7]));
  VerilatedContext context;
  Vengine engine{&context};
  engine.rst = 1;
  for (int half = 0; half < 8; half++) {
    engine.clk = half & 1;
    engine.eval();
  }
  engine.rst = 0;
  const size_t programs = program.size() / BANKS, words = maps.size() / BANKS;
  const auto packets = read_all(argument[8]);
  std::vector<bool> last(programs + 1);
  size_t sent = 0, given = 0, ahead = 0;
  for (long at = 0, end = 0, beats; at < (long)packets.size(); at += 8) {
    memcpy(&beats, &packets[at], 8);
    last[(end += beats) - 1] = true;
    if (at < 8 * atol(argument[9])) ahead = end;
  }
  bool offers = false, gives = false;
  long taken = 0, cycle = 0, first = -1, quiet = 0, silence = 0;
  while (quiet < PATIENCE && silence < SILENCE && !engine.overrun) {
    if (!offers) offers = sent < programs && drand48() >= stall;
    if (!gives) gives = given < words && sent >= ahead && drand48() >= stall;
    engine.program___05Fvalid = offers;
    if (offers) put(engine.program___05Fpayload, &program[sent * BANKS], last[sent]);
    engine.maps___05Fvalid = gives;
    if (gives) put(engine.maps___05Fpayload, &maps[given * BANKS], false);
    engine.results___05Fready = drand48() >= stall;
    engine.clk = 0;
    engine.eval();
    quiet++;
    silence += taken >= wanted;
    if (engine.results___05Fvalid && engine.results___05Fready) {
      save(results, engine.results___05Fpayload, PAYLOAD, cycle);
      taken++, quiet = 0;
    }
    if (*(unsigned char *)&engine.watch & 1) {
      save(watch, engine.watch, WATCHED, cycle);
      unsigned long step = engine.step;
      fwrite(&step, 8, 1, watch);
      quiet = 0;
    }
    if (offers && engine.program___05Fready) sent++, offers = false, quiet = 0;
    if (gives && engine.maps___05Fready) {
      if (first < 0) first = cycle;
      given++, gives = false, quiet = 0;
    }
    engine.clk = 1;
    engine.eval();
    cycle++;
  }
  fclose(results), fclose(watch);
  printf("%ld %ld %zu %zu %d %d\n", first, cycle, sent, given, (int)engine.error, (int)engine.overrun);
}
