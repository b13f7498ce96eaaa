/**
 * Figures of the collected sources that no row is about, each with the reason. What models that exist could answer is no reason: it
 * has a row, and misses if need be.
 */

/** `ids`: of figures, or the beginnings of ids with a `*` for the rest. */
export interface FiguresWithoutRow {
  readonly source: string;
  readonly ids: readonly string[];
  /** How many figures that are. */
  readonly figures: number;
  readonly reason: string;
}

const TAKEN = "taken over as it is, as a price in machines/ or a part's parameter: nothing is left to be predicted";
const NOT_RESULTS = "settings and sizes of the system, not results; parts have those that they need as parameters";
const NO_MODEL = "there is no model of this system";
const ABSTRACT =
  "known from an abstract or at second hand, which do not say what the guests ran, held and were given; there is nothing to simulate";

export const FIGURES_WITHOUT_ROW: readonly FiguresWithoutRow[] = [
  {
    source: "Barham et al. 2003",
    ids: ["xen03.f6.linux.1", "xen03.f6.xen50ms.1", "xen03.f6.xen5ms.1"],
    figures: 3,
    reason: "1 by definition: what the others of Figure 6 are multiples of",
  },
  {
    source: "Barham et al. 2003",
    ids: ["xen03.text.slice.*", "xen03.text.hole", "xen03.text.batch", "xen03.text.batch.mb", "xen03.text.perdomain"],
    figures: 6,
    reason: NOT_RESULTS,
  },
  {
    source: "Barham et al. 2003",
    ids: ["xen03.text.min.*"],
    figures: 2,
    reason: "what is left of a domain when all that can go has gone is what its kernel and daemons are given here",
  },
  {
    source: "Adams and Agesen 2006",
    ids: ["aa06.t1.*", "aa06.text.cli.native", "aa06.text.translate", "aa06.text.vmreads"],
    figures: 11,
    reason: TAKEN,
  },
  {
    source: "Adams and Agesen 2006",
    ids: ["aa06.specint.*.native", "aa06.specjbb.native"],
    figures: 13,
    reason: "how long a program takes is put in; the rows of both VMMs are how much longer it takes on them",
  },
  {
    source: "Adams and Agesen 2006",
    ids: ["aa06.passmark.*"],
    figures: 6,
    reason:
      "a closed program whose work is described nowhere: how much memory it takes and gives back in an operation, and which calls draw; there is no model of a graphics adapter either",
  },
  {
    source: "Adams and Agesen 2006",
    ids: ["aa06.f5.bt.syscall", "aa06.f5.bt.callret", "aa06.f5.bt.translate", "aa06.f5.vt.inout"],
    figures: 4,
    reason:
      "bars read off by eye; how many system calls, returns, translated instructions and accesses to ports stand for them while Windows boots, the source does not say, as it does for entries of page tables",
  },
  {
    source: "Agesen et al. 2010",
    ids: ["evol10.tpr.rate", "evol10.vmm.space"],
    figures: 2,
    reason: "how often a guest does something, and a size: the work and the design, not what comes of them",
  },
  {
    source: "Agesen et al. 2010",
    ids: ["evol10.tpr.bt"],
    figures: 1,
    reason: "of a processor that is not named; translated code pays the 35 cycles of Adams and Agesen 2006 for it here",
  },
  {
    source: "Agesen et al. 2010",
    ids: ["evol10.nested.vmread"],
    figures: 1,
    reason: "no VMM runs in a VM here",
  },
  {
    source: "Agesen et al. 2012",
    ids: ["atc12.exit.*-2008", "atc12.exit.*-2009", "atc12.exit.*-2010", "atc12.exit.*-2011"],
    figures: 4,
    reason:
      "values that the parameter exitCycles takes; no machine of these generations has what entries and exits cost from another source",
  },
  {
    source: "Landau et al. 2011",
    ids: ["splitx11.*.indirect", "splitx11.ipc.recovery"],
    figures: 4,
    reason: "what an exit does to caches, which are not modelled",
  },
  {
    source: "Landau et al. 2011",
    ids: ["splitx11.cpuid.direct", "splitx11.cpuid.synchronous", "splitx11.cr-access.synchronous"],
    figures: 3,
    reason:
      "what KVM takes to handle CPUID and a write of a control register, which no machine of that time has a price of",
  },
  {
    source: "Landau et al. 2011",
    ids: ["splitx11.netperf.*"],
    figures: 11,
    reason: "the interface is not named, and exits are counted by what KVM of 2010 emulated",
  },
  {
    source: "Bhargava et al. 2008",
    ids: ["nested.bhargava.*"],
    figures: 2,
    reason:
      "caches of both dimensions of a walk gain as much as the share of time that a program waits for its TLB, and nobody has given that of these programs",
  },
  { source: "Gandhi et al. 2016", ids: ["nested.agile.*"], figures: 2, reason: NO_MODEL },
  {
    source: "Matthews et al. 2007; Walters et al. 2008",
    ids: ["iso07.*.openvz.*", "walters08.netperf.*.openvz"],
    figures: 11,
    reason: `${NO_MODEL}: OpenVZ has containers of one kernel and no VMM`,
  },
  {
    source: "Waldspurger 2002",
    ids: ["esx02.f4.vm-memory.*", "esx02.f4.shared-pct.*", "esx02.f4.reclaimed-pct.*"],
    figures: 30,
    reason: "the rows of Figure 4 once more: percentages of the guests' memory, and that memory, which is put in",
  },
  {
    source: "Waldspurger 2002",
    ids: ["esx02.f5.a.*"],
    figures: 5,
    reason: "there are no contents of guests with Windows NT",
  },
  {
    source: "Waldspurger 2002",
    ids: [
      "esx02.f5.b.total",
      "esx02.f5.c.total",
      "esx02.f5.b.shared",
      "esx02.f5.b.reclaimed",
      "esx02.f5.c.shared",
      "esx02.f5.c.reclaimed",
    ],
    figures: 6,
    reason: "the rows of Figure 5 once more, in MB, and the guests' memory, which is put in",
  },
  {
    source: "Waldspurger 2002",
    ids: ["esx02.f5.b.zero", "esx02.f5.c.zero"],
    figures: 2,
    reason: "guests that have been up for long have filled what is free, and zero, in the contents that there are",
  },
  {
    source: "Waldspurger 2002",
    ids: ["esx02.text.share.cpu.*"],
    figures: 3,
    reason:
      "what sharing did to the throughput of SPEC95, of which the sign is that of processor caches, which are not modelled",
  },
  {
    source: "Waldspurger 2002",
    ids: ["esx02.f8.configured", "esx02.f8.overhead"],
    figures: 2,
    reason: "what the five VMs of Figure 8 are given: put in",
  },
  { source: "Waldspurger 2002", ids: ["esx02.const.*"], figures: 16, reason: NOT_RESULTS },
  {
    source: "VMware's manuals, ESX Server 2 to ESXi 5, and Denneman on ESX 4.1 and 5",
    ids: ["esxconst.*", "esxknob.*", "esx41.*", "esx5.*", "esx2.size.*", "vmfs3.*"],
    figures: 41,
    reason: NOT_RESULTS,
  },
  {
    source: "VMware's manual, ESX Server 2",
    ids: ["esx2.example.*"],
    figures: 4,
    reason: "an example of how to add up the sizes of VMs: arithmetic, of which nobody measured anything",
  },
  { source: "Xen, source code and manuals", ids: ["xenconst.*"], figures: 33, reason: NOT_RESULTS },
  {
    source: "VMware 2008; Guo",
    ids: ["vmw08.*", "guo09.*"],
    figures: 2,
    reason: `${ABSTRACT}. That page sharing costs less than 1 % is a bound that a scan of so few pages in a second keeps with any likely price`,
  },
  {
    source: "Friedman 2013",
    ids: ["friedman13.*"],
    figures: 2,
    reason: "a benchmark of memory on Windows; what it touches, and how fast the host's disks are, is not known",
  },
  {
    source: "Santos et al. 2008; Ram et al. 2009",
    ids: ["santos08.*", "ram09.*"],
    figures: 3,
    reason:
      "interfaces with a queue for each guest, at 10 Gb/s, and grants that are used again have no model; the sources are known from abstracts or from memory",
  },
  {
    source: "Gupta et al. 2008",
    ids: ["de08.t3.*", "de08.mixed1.extra"],
    figures: 9,
    reason:
      "MIXED-1, of which one VM compiles and another serves RUBiS under an operating system whose contents are not known",
  },
  {
    source: "Gupta et al. 2008",
    ids: ["de08.vs.esx.homog"],
    figures: 1,
    reason: "how much of what the clients of four dbench write is equal at a time is not known",
  },
  {
    source: "Gupta et al. 2008",
    ids: ["de08.sat"],
    figures: 1,
    reason: "RUBiS at its limit; what a request of it does is not described",
  },
  {
    source: "Gupta et al. 2008",
    ids: ["de08.overhead.*"],
    figures: 2,
    reason:
      "bounds of 7 and 5 %; how much MIXED-2 gets done varies by more than that here, and noise that keeps or breaks a bound is no evidence",
  },
  {
    source: "Milos et al. 2009; Arcangeli et al. 2009; Wood et al. 2009",
    ids: ["share.satori.gain", "share.ksm.vms", "share.membuddies"],
    figures: 3,
    reason: ABSTRACT,
  },
  {
    source: "Barker et al. 2012",
    ids: ["share.barker.*"],
    figures: 3,
    reason: "about memory of real machines that is not to be had, and about what others have published",
  },
  {
    source: "Linux, documentation of KSM",
    ids: ["share.ksm.pages", "share.ksm.sleep", "share.ksm.rate"],
    figures: 3,
    reason: NOT_RESULTS,
  },
  {
    source: "Hines et al. 2011; Zhao et al. 2011; Wang et al. 2016; Kim et al.",
    ids: ["oc.ginkgo.*", "oc.wss.*", "oc.meb16.*", "oc.mpa"],
    figures: 13,
    reason: `${NO_MODEL}; ${ABSTRACT}`,
  },
  {
    source: "Amit et al. 2014",
    ids: ["oc.vswapper.gain", "oc.vswapper.combo", "oc.vswapper.read.vswapper", "oc.vswapper.read.both"],
    figures: 4,
    reason: NO_MODEL,
  },
  {
    source: "Amit et al. 2017",
    ids: ["hypercallbacks17.hypercall"],
    figures: 1,
    reason: "quoted from elsewhere, for a processor that is not named",
  },
  { source: "Clark et al. 2005", ids: ["livemig05.*"], figures: 15, reason: "VMs do not migrate here" },
  {
    source: "Giacomin",
    ids: ["util.*"],
    figures: 4,
    reason: "how busy servers are: work that VMs are given, not what comes of it",
  },
];
