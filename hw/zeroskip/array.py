"""The zero-skip array: loader, feature map, feeder, sequencer, groups, output units."""

from __future__ import annotations

from amaranth.hdl import Cat, DomainRenamer, Module, ResetInserter, Signal
from amaranth.lib import wiring

from zeroskip.array_account import ArrayAccount
from zeroskip.block_barrier import BlockBarrier
from zeroskip.config import ArrayConfig
from zeroskip.drain import Drain
from zeroskip.feature_map import FeatureMap
from zeroskip.gateware.axi.ports import engine_members
from zeroskip.group import Group
from zeroskip.list_builder import ListBuilder
from zeroskip.lists import half_of, halves
from zeroskip.map_feeder import MapFeeder
from zeroskip.output import PARAMETERS, BeatMerger, OutputUnit
from zeroskip.program import ProgramLoader
from zeroskip.ring_retire import RingRetire
from zeroskip.sequencer import Sequencer
from zeroskip.wire import Mode, Section

FAR = "far"
"""Clock domain of the groups until the array's reset has been put in, which passes them by: they reset themselves."""


class ZeroSkipArray(wiring.Component):
    """C groups of E lanes of P multipliers; skips zero weights always, zero activations where the layer's mode says so.

    Parameters
    ----------
    config
        Parameters of the array.

    Members
    -------
    See :func:`zeroskip.gateware.axi.ports.engine_members`.
    """

    def __init__(self, *, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(engine_members(config.multipliers))

    def elaborate(self, platform):
        """Submodules and their wiring."""
        m = Module()
        config = self._config
        m.submodules.loader = loader = ProgramLoader(groups=config.groups)
        m.submodules.feature_map = feature_map = FeatureMap(
            banks=config.banks, positions=config.map_positions, flagged=True)
        m.submodules.feeder = feeder = MapFeeder(config=config)
        m.submodules.sequencer = sequencer = Sequencer(config=config)
        wiring.connect(m, wiring.flipped(self.weights), loader.weights)
        wiring.connect(m, wiring.flipped(self.map), feature_map.map)
        wiring.connect(m, loader.passes, sequencer.passes)
        wiring.connect(m, loader.feeds, feeder.feeds)
        m.d.comb += [
            feature_map.config.eq(loader.config), feature_map.start.eq(loader.start),
            loader.pass_done.eq(sequencer.pass_done),
            sequencer.ended.eq(loader.ended), sequencer.config.eq(loader.config), sequencer.write.eq(loader.write),
            sequencer.start.eq(loader.start), sequencer.done.eq(loader.done), sequencer.row_fed.eq(feeder.row_fed),
        ]
        self._feed(m, loader, feature_map, feeder, sequencer)
        groups = []
        for g in range(config.groups):
            group = Group(config=config, index=g)
            m.submodules[f"group_{g}"] = DomainRenamer(FAR)(group)
            groups.append(group)
            m.d.comb += [
                group.reset.eq(self.reset),
                group.layer.eq(loader.config), group.own.eq(loader.group[g]), sequencer.group[g].eq(loader.group[g]),
                group.start.eq(loader.start), group.window.eq(sequencer.window),
                group.mask.eq(sequencer.mask), sequencer.room[g].eq(group.room),
                *(bank.eq(fill) for bank, fill in zip(group.fill, feeder.fill, strict=True)),
            ]
        self._build_lists(m, loader.write, groups)
        self._follow_blocks(m, loader, feeder, sequencer, groups)
        self._add_outputs(m, loader, groups)
        self._report(m, loader, sequencer, groups)
        return DomainRenamer({FAR: "sync"})(ResetInserter(self.reset)(m))

    def _feed(self, m, loader, feature_map, feeder, sequencer):
        """From the feature-map memory to the lanes, and the masks to the sequencer."""
        m.d.comb += [
            feeder.config.eq(loader.config), feeder.start.eq(loader.start),
            feeder.rows_loaded.eq(feature_map.rows_loaded), feeder.words_loaded.eq(feature_map.words_loaded),
            feeder.base.eq(feature_map.base), feature_map.retire.eq(feeder.retire),
        ]
        for bank in range(self._config.banks):
            m.d.comb += [
                feature_map.address[bank].eq(feeder.address), feature_map.en[bank].eq(feeder.en[bank]),
                feeder.data[bank].eq(feature_map.data[bank]), sequencer.masks[bank].eq(feeder.masks[bank]),
            ]

    def _build_lists(self, m, write, groups):
        """A builder for each entry of a beat, whose tables go to all groups of that half; a register on the way."""
        lanes = self._config.lanes
        listed = write.valid & (write.kind == Section.LISTS)
        for half in range(halves(self._config)):
            own = [group for index, group in enumerate(groups) if half_of(index, self._config) == half]
            for e in range(lanes):
                m.submodules[f"builder_{half * lanes + e}"] = builder = ListBuilder(
                    words=self._config.words, entries=self._config.list_entries)
                tables = Signal.like(builder.tables, name=f"tables_{half}_{e}")
                m.d.comb += [
                    builder.en.eq(listed), builder.first.eq(write.first), builder.word.eq(write.address),
                    builder.at.eq(write.entry), builder.entry.eq(write.data.word_select(4 * half + e, 16)),
                    *(group.tables[e].eq(tables) for group in own),
                ]
                m.d.sync += tables.eq(builder.tables)
        m.d.sync += [group.write.eq(write.mask[16 * half_of(index, self._config) + index])
                     for index, group in enumerate(groups)]

    def _follow_blocks(self, m, loader, feeder, sequencer, groups):
        """A block that all groups are past frees rows of the map, and may end a pass."""
        m.submodules.retire = retire = RingRetire()
        m.submodules.barrier = barrier = BlockBarrier(parties=len(groups), ahead=2 * self._config.queue_words)
        m.d.comb += [
            barrier.start.eq(loader.start), barrier.passed.eq(Cat(group.block_done for group in groups)),
            sequencer.block_done.eq(barrier.done),
            retire.config.eq(loader.config), retire.start.eq(loader.start), retire.step.eq(barrier.done),
            feeder.rows_free.eq(retire.rows),
        ]

    def _add_outputs(self, m, loader, groups):
        config = self._config
        per_unit = config.groups // config.output_units
        m.submodules.merger = merger = BeatMerger(units=config.output_units)
        for u in range(config.output_units):
            m.submodules[f"drain_{u}"] = drain = Drain(config=config)
            m.submodules[f"output_{u}"] = output = OutputUnit(
                pixels=config.pixels, acc_width=config.acc_width, params_depth=Drain.params_depth(config))
            write = loader.write
            m.d.comb += [
                drain.start.eq(loader.start), drain.config.eq(loader.config),
                output.requantise.eq((loader.config.mode & Mode.REQUANTISE.value) != 0),
                output.low.eq(loader.config.clamp_low), output.high.eq(loader.config.clamp_high),
            ]
            m.d.sync += [
                output.write_en.eq(write.valid & (write.kind == Section.REQUANT) & write.mask[u]),
                output.write_address.eq(write.address),
                output.write_data.eq(write.data[: PARAMETERS.size]),
            ]
            wiring.connect(m, drain.rows, output.rows)
            wiring.connect(m, output.beats, merger.sources[u])
            for i, group in enumerate(groups[u * per_unit : (u + 1) * per_unit]):
                m.d.comb += [
                    drain.full[i].eq(group.full), group.drained.eq(drain.drained[i]),
                    group.read_lane.eq(drain.read_lane), group.read_address.eq(drain.read_address),
                    group.read_en.eq(drain.read_en), drain.read_data[i].eq(group.read_data),
                    drain.read_blocked[i].eq(group.read_blocked),
                ]
        wiring.connect(m, merger.result, wiring.flipped(self.result))
        m.d.comb += [
            merger.result_beats.eq(loader.config.result_beats), merger.restart.eq(loader.start),
            loader.done.eq(self.result.valid & self.result.ready & self.result.payload.last),
        ]

    def _report(self, m, loader, sequencer, groups):
        """Cycle by cycle, what the counters count."""
        busy, quiet = Signal(), Signal()
        m.d.comb += [busy.eq(Cat(group.busy for group in groups).any()), self.busy.eq(loader.busy)]
        m.d.sync += [
            self.issued.eq(sum(group.issued for group in groups)),
            self.gated.eq(sum(group.gated for group in groups)),
            quiet.eq(sequencer.waiting & ~busy),
            self.draining.eq(sequencer.finished & ~busy),
        ]
        m.d.comb += self.waiting.eq(quiet)
        self._account(m, loader, sequencer, groups, busy)

    def _account(self, m, loader, sequencer, groups, busy):
        """What becomes of the slots that are not used, in the cycle of `issued`."""
        m.submodules.account = account = ArrayAccount(config=self._config)
        m.d.comb += [
            account.waiting.eq(sequencer.waiting), account.empty.eq(sequencer.empty), account.held.eq(sequencer.held),
            account.finished.eq(sequencer.finished), account.busy.eq(busy), self.idle.eq(account.idle),
        ]
        for index, group in enumerate(groups):
            m.d.comb += [
                group.idle.eq(~loader.busy), group.absent.eq(sequencer.absent[index]), group.quiet.eq(account.quiet),
                account.lanes[index].eq(group.lost),
            ]
