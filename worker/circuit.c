#include "worker/circuit.h"

enum circuit_state circuit_state(const struct circuit *circuit, int64_t now_mono_ms)
{
    if (!circuit->closed_again_mono_ms)
        return CIRCUIT_CLOSED;
    return now_mono_ms < circuit->closed_again_mono_ms ? CIRCUIT_OPEN : CIRCUIT_TRYING;
}

bool circuit_worked(struct circuit *circuit)
{
    bool changed = circuit->closed_again_mono_ms != 0;

    *circuit = (struct circuit){.failures = 0};
    return changed;
}

static bool circuit_open(struct circuit *circuit, int64_t until_mono_ms)
{
    bool changed = circuit->closed_again_mono_ms == 0;

    circuit->closed_again_mono_ms = until_mono_ms;
    return changed;
}

bool circuit_failed(struct circuit *circuit, int64_t now_mono_ms)
{
    if (circuit->failures < CIRCUIT_FAILURES_MAX)
        circuit->failures++;
    if (circuit->failures < CIRCUIT_FAILURES_MAX && !circuit->closed_again_mono_ms)
        return false;
    if (circuit_state(circuit, now_mono_ms) == CIRCUIT_OPEN)
        return false; /* late answers of before do not prolong it */
    return circuit_open(circuit, now_mono_ms + CIRCUIT_AWAY_MS);
}

bool circuit_denied(struct circuit *circuit, int64_t now_mono_ms)
{
    if (circuit_state(circuit, now_mono_ms) == CIRCUIT_OPEN)
        return false;
    return circuit_open(circuit, now_mono_ms + CIRCUIT_DENIED_MS);
}
