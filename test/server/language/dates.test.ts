import { assert, describe, it } from "@effect/vitest"
import { ObjectId, Timestamp } from "bson"
import * as calendar from "../../../src/server/language/calendar.ts"
import { fromLocal, millisOf, toLocal, zoneOf } from "../../../src/server/language/timeZones.ts"
import { date, decimal, double, failsFor, gives, long, refusesAtOnce } from "./expressionSupport.ts"
import { chance } from "./support.ts"

const added = (text: string, unit: string, amount: unknown, timezone?: string) => ({
  $dateAdd: { startDate: date(text), unit, amount, ...(timezone === undefined ? {} : { timezone }) }
})

describe("calendar arithmetic", () => {
  it("ends at the end of the month", () =>
    gives([
      [added("2023-01-31T10:00:00Z", "month", 1), date("2023-02-28T10:00:00Z")],
      [added("2024-03-31T10:00:00Z", "month", -1), date("2024-02-29T10:00:00Z")],
      [added("2024-02-29T10:00:00Z", "year", -1), date("2023-02-28T10:00:00Z")],
      [added("2023-01-31T10:00:00Z", "quarter", 1), date("2023-04-30T10:00:00Z")],
      [added("2024-10-31T00:00:00Z", "month", 28), date("2027-02-28T00:00:00Z")],
      [
        { $dateSubtract: { startDate: date("2024-05-31T00:00:00Z"), unit: "month", amount: long(3) } },
        date("2024-02-29T00:00:00Z")
      ]
    ]))

  it("keeps the clock on the wall from days on, and counts hours as they pass", () =>
    gives([
      [added("2024-03-30T11:00:00Z", "day", 1, "Europe/Rome"), date("2024-03-31T10:00:00Z")],
      [added("2024-10-26T10:00:00Z", "week", 1, "Europe/Rome"), date("2024-11-02T11:00:00Z")],
      [added("2024-01-15T11:00:00Z", "month", 6, "Europe/Rome"), date("2024-07-15T10:00:00Z")],
      [added("2024-03-30T11:00:00Z", "hour", 24, "Europe/Rome"), date("2024-03-31T11:00:00Z")],
      [added("2024-01-01T00:00:00Z", "millisecond", double(5)), date("2024-01-01T00:00:00.005Z")],
      // half past two is not there that night
      [added("2024-03-30T01:30:00Z", "day", 1, "Europe/Rome"), date("2024-03-31T01:30:00Z")]
    ]))

  it("counts the boundaries between two dates", () => {
    const between = (unit: string, start: string, end: string, more = {}) => ({
      $dateDiff: { startDate: date(start), endDate: date(end), unit, ...more }
    })
    gives([
      [between("day", "2024-01-01T23:59:00Z", "2024-01-02T00:01:00Z"), long(1)],
      [between("day", "2024-01-01T23:59:00Z", "2024-01-02T00:01:00Z", { timezone: "Asia/Tokyo" }), long(0)],
      [between("month", "2024-01-31T00:00:00Z", "2023-12-31T00:00:00Z"), long(-1)],
      [between("quarter", "2023-12-31T00:00:00Z", "2024-04-01T00:00:00Z"), long(2)],
      [between("year", "2023-12-31T00:00:00Z", "2024-01-01T00:00:00Z"), long(1)],
      [between("week", "2024-01-06T00:00:00Z", "2024-01-07T00:00:00Z"), long(1)],
      [between("week", "2024-01-06T00:00:00Z", "2024-01-07T00:00:00Z", { startOfWeek: "mon" }), long(0)],
      [between("hour", "2024-03-31T00:30:00Z", "2024-03-31T02:30:00Z", { timezone: "Europe/Rome" }), long(2)],
      [between("minute", "2024-01-01T00:00:59Z", "2024-01-01T00:01:00Z"), long(1)],
      [between("millisecond", "2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"), long(1000)]
    ])
  })

  it("truncates to bins that are counted from the year 2000", () => {
    const start = (text: string, unit: string, more = {}) => ({ $dateTrunc: { date: date(text), unit, ...more } })
    gives([
      [start("2024-05-17T13:14:15.016Z", "month"), date("2024-05-01T00:00:00Z")],
      [start("2024-05-17T13:14:15.016Z", "quarter"), date("2024-04-01T00:00:00Z")],
      [start("2024-05-17T13:14:15.016Z", "hour", { binSize: 5 }), date("2024-05-17T13:00:00Z")],
      [start("2024-05-17T13:14:15.016Z", "week"), date("2024-05-12T00:00:00Z")],
      [start("2024-05-17T13:14:15.016Z", "week", { startOfWeek: "Friday" }), date("2024-05-17T00:00:00Z")],
      [start("2024-05-17T13:14:15.016Z", "week", { binSize: 2, startOfWeek: "monday" }), date("2024-05-06T00:00:00Z")],
      [start("2024-05-17T02:14:15Z", "day", { timezone: "America/New_York" }), date("2024-05-16T04:00:00Z")],
      [start("2024-05-17T02:14:15Z", "year", { binSize: 10 }), date("2020-01-01T00:00:00Z")],
      [start("1999-12-31T00:00:00Z", "month", { binSize: 5 }), date("1999-08-01T00:00:00Z")],
      [start("2024-05-17T13:14:15.016Z", "second", { startOfWeek: null }), date("2024-05-17T13:14:15Z")]
    ])
  })

  it("is null for what is null or missing, all over", () =>
    gives([
      ...["$year", "$month", "$dayOfMonth", "$dayOfWeek", "$dayOfYear", "$hour", "$minute", "$second"].map(
        (operator): [unknown, null] => [{ [operator]: "$missing" }, null]
      ),
      ...["$millisecond", "$week", "$isoWeek", "$isoDayOfWeek", "$isoWeekYear", "$dateToParts"].map(
        (operator): [unknown, null] => [{ [operator]: { date: null, timezone: "Europe/Rome" } }, null]
      ),
      [{ $year: { date: date("2024-01-01T00:00:00Z"), timezone: "$missing" } }, null],
      [{ $dateAdd: { startDate: null, unit: "day", amount: 1 } }, null],
      [{ $dateSubtract: { startDate: "$missing", unit: "day", amount: 1 } }, null],
      [{ $dateDiff: { startDate: date("2024-01-01T00:00:00Z"), endDate: "$missing", unit: "day" } }, null],
      [{ $dateTrunc: { date: null, unit: "day" } }, null],
      [{ $dateToParts: { date: "$missing" } }, null],
      [{ $dateFromParts: { year: 2024, month: "$missing" } }, null],
      [{ $dateToString: { date: "$missing" } }, null],
      [{ $dateToString: { date: null, onNull: "none" } }, "none"],
      [{ $dateToString: { date: null, timezone: "$missing", onNull: "none" } }, "none"],
      [{ $dateFromString: { dateString: "2024-01-01", timezone: null } }, null],
      [{ $dateFromString: { dateString: "2024-01-01", format: "$missing" } }, null],
      [{ $dateFromString: { dateString: null } }, null],
      [{ $dateFromString: { dateString: "$missing", onNull: 7 } }, 7]
    ]))
})

describe("fields of dates", () => {
  it("computes the fields in a time zone", () =>
    gives([
      [{ $year: date("2024-12-31T23:30:00Z") }, 2024],
      [{ $year: { date: date("2024-12-31T23:30:00Z"), timezone: "Europe/Rome" } }, 2025],
      [{ $hour: { date: date("2024-07-01T00:00:00Z"), timezone: "Asia/Kolkata" } }, 5],
      [{ $minute: { date: date("2024-07-01T00:00:00Z"), timezone: "+05:30" } }, 30],
      [{ $minute: { date: date("2024-07-01T00:00:00Z"), timezone: "-0315" } }, 45],
      [{ $hour: { date: date("2024-07-01T00:00:00Z"), timezone: "+14" } }, 14],
      [{ $dayOfMonth: "$d" }, 1, { d: new Timestamp({ t: 1704067200, i: 1 }) }],
      [{ $year: "$d" }, 2023, { d: new ObjectId("64b7abdecf2160b649ab6085") }],
      [{ $month: [date("2024-02-03T00:00:00Z")] }, 2]
    ]))

  it("computes weeks of the year and of ISO 8601", () =>
    gives(
      (
        [
          ["2024-01-06", 0, 1, 2024, 7, 6],
          ["2024-03-10", 10, 10, 2024, 1, 7],
          ["2023-01-01", 1, 52, 2022, 1, 7],
          ["2021-01-03", 1, 53, 2020, 1, 7],
          ["2020-12-31", 52, 53, 2020, 5, 4],
          ["2018-12-31", 52, 1, 2019, 2, 1]
        ] as const
      ).map(([day, week, isoWeek, isoYear, weekday, isoWeekday]) => [
        [{ $week: "$d" }, { $isoWeek: "$d" }, { $isoWeekYear: "$d" }, { $dayOfWeek: "$d" }, { $isoDayOfWeek: "$d" }],
        [week, isoWeek, long(isoYear), weekday, isoWeekday],
        { d: date(`${day}T12:00:00Z`) }
      ])
    ))

  it("splits and joins dates, with carries", () =>
    gives([
      [
        { $dateToParts: { date: date("2024-01-01T00:30:15.016Z"), timezone: "America/New_York" } },
        { year: 2023, month: 12, day: 31, hour: 19, minute: 30, second: 15, millisecond: 16 }
      ],
      [
        { $dateToParts: { date: date("2021-01-03T05:00:00Z"), iso8601: true } },
        { isoWeekYear: 2020, isoWeek: 53, isoDayOfWeek: 7, hour: 5, minute: 0, second: 0, millisecond: 0 }
      ],
      [{ $dateFromParts: { year: 2024, month: 14, day: 0, hour: 25 } }, date("2025-02-01T01:00:00Z")],
      [{ $dateFromParts: { year: 2024, month: 2, day: 30 } }, date("2024-03-01T00:00:00Z")],
      [{ $dateFromParts: { year: 2024, month: 0 } }, date("2023-12-01T00:00:00Z")],
      [{ $dateFromParts: { year: 2024, hour: -1, timezone: "Europe/Rome" } }, date("2023-12-31T22:00:00Z")],
      [{ $dateFromParts: { year: double(7) } }, date("0007-01-01T00:00:00Z")],
      [
        { $dateFromParts: { isoWeekYear: 2020, isoWeek: 53, isoDayOfWeek: 7, minute: 90 } },
        date("2021-01-03T01:30:00Z")
      ],
      [{ $dateFromParts: { isoWeekYear: 2024 } }, date("2024-01-01T00:00:00Z")],
      [{ $dateFromParts: { isoWeekYear: 2024, isoWeek: 0 } }, date("2023-12-25T00:00:00Z")]
    ]))
})

describe("dates as text", () => {
  it("formats dates, with a Z in UTC only", () => {
    const at = date("2023-01-01T08:34:56.789Z")
    gives([
      [{ $dateToString: { date: at } }, "2023-01-01T08:34:56.789Z"],
      [{ $dateToString: { date: at, timezone: "America/New_York" } }, "2023-01-01T03:34:56.789"],
      [{ $dateToString: { date: at, format: "%Y/%m/%d %H:%M:%S.%L %%" } }, "2023/01/01 08:34:56.789 %"],
      [{ $dateToString: { date: at, format: "%G-W%V-%u %U %w %j" } }, "2022-W52-7 01 1 001"],
      [{ $dateToString: { date: at, format: "%b %B", timezone: "UTC" } }, "Jan January"],
      [{ $dateToString: { date: at, format: "%z %Z", timezone: "America/St_Johns" } }, "-0330 -210"],
      [{ $dateToString: { date: at, format: "%H", timezone: "+05:45" } }, "14"]
    ])
    refusesAtOnce([
      [{ $dateToString: { date: "$d", format: "%Q" } }, /no '%Q'/, 18536],
      [{ $dateToString: { date: "$d", format: "100%" } }, /ends with a '%'/, 18535],
      [{ $dateToString: { date: date("2023-01-01T00:00:00Z"), timezone: "Mars/Base" } }, /time zone/, 40485],
      [{ $dateToString: { date: date("-000005-01-01T00:00:00Z") } }, /years 0 to 9999/]
    ])
  })

  it("parses the common forms without a format", () => {
    const read = (dateString: string, more = {}) => ({ $dateFromString: { dateString, ...more } })
    gives([
      [read("2024-01-01T10:00:00+02:00"), date("2024-01-01T08:00:00Z")],
      [read("2024-01-01 10:00:00"), date("2024-01-01T10:00:00Z")],
      [read("2024-01-01T10:00:00.5Z"), date("2024-01-01T10:00:00.500Z")],
      [read("2024-01-01"), date("2024-01-01T00:00:00Z")],
      [read("20240101"), date("2024-01-01T00:00:00Z")],
      [read("20240101T101112Z"), date("2024-01-01T10:11:12Z")],
      [read("Mon, 01 Jan 2024 10:00:00 +0100"), date("2024-01-01T09:00:00Z")],
      [read("01 Jan 2024 10:00 GMT"), date("2024-01-01T10:00:00Z")],
      [read("January 2nd, 2024 3pm"), date("2024-01-02T15:00:00Z")],
      [read("2024-Jan-02 noon"), date("2024-01-02T12:00:00Z")],
      [read("2024-01-01T10:00:00", { timezone: "Europe/Rome" }), date("2024-01-01T09:00:00Z")],
      [read("2024-01-01 10:00 EST"), date("2024-01-01T15:00:00Z")],
      [read("2024-01-01T10:00:00Z", { timezone: "UTC" }), date("2024-01-01T10:00:00Z")]
    ])
  })

  it("parses the whole text by a format", () => {
    const read = (dateString: string, format: string, more = {}) => ({
      $dateFromString: { dateString, format, ...more }
    })
    gives([
      [read("20240229", "%Y%m%d"), date("2024-02-29T00:00:00Z")],
      [read("2020-W53-7", "%G-W%V-%u"), date("2021-01-03T00:00:00Z")],
      [read("2024 060", "%Y %j"), date("2024-02-29T00:00:00Z")],
      [read("1 mar 2024", "%d %b %Y"), date("2024-03-01T00:00:00Z")],
      [read("March 1 2024", "%B %d %Y"), date("2024-03-01T00:00:00Z")],
      [read("2024-01-01 10 +0230", "%Y-%m-%d %H %z"), date("2024-01-01T07:30:00Z")],
      [read("2024-01-01 +90", "%Y-%m-%d %Z"), date("2023-12-31T22:30:00Z")],
      [read("2024-01-01 5.25", "%Y-%m-%d %S.%L", { timezone: "Asia/Tokyo" }), date("2023-12-31T15:00:05.250Z")]
    ])
    const wrong: ReadonlyArray<readonly [string, string?]> = [
      ["2024-02-30", "%Y-%m-%d"],
      ["2024-13-01", "%Y-%m-%d"],
      ["2024-01-01 x", "%Y-%m-%d"],
      ["2024-01", "%Y-%m"],
      ["2024-01-01", "%Y/%m/%d"],
      ["2024 W01", "%Y W%V"],
      ["2024-13-01"],
      ["nonsense"],
      ["2024-01-01T24:00:00Z"],
      ["2024-01-01 10:00 America/New_York"],
      ["2024-01-01 10:00 XYZ"]
    ]
    for (const [dateString, format] of wrong) {
      const spec = format === undefined ? { dateString } : { dateString, format }
      refusesAtOnce([[{ $dateFromString: spec }, /Error parsing date string/, 241]])
      gives([[{ $dateFromString: { ...spec, onError: "bad" } }, "bad"]])
    }
    refusesAtOnce([
      [read("2024-01-01 +01:00", "%Y-%m-%d %z", { timezone: "Europe/Rome" }), /no 'timezone'/],
      [read("2024", "%Q"), /no '%Q'/]
    ])
  })
})

describe("dates", () => {
  it("adds milliseconds to dates", () =>
    gives([
      [{ $add: [date("2024-01-01T00:00:00Z"), 1000] }, date("2024-01-01T00:00:01Z")],
      [{ $add: [1.4, date("2024-01-01T00:00:00Z"), decimal("0.6")] }, date("2024-01-01T00:00:00.002Z")],
      [{ $subtract: [date("2024-01-02T00:00:00Z"), date("2024-01-01T00:00:00Z")] }, long(86400000)],
      [{ $subtract: [date("2024-01-02T00:00:00Z"), long(1)] }, date("2024-01-01T23:59:59.999Z")]
    ]))

  it("rejects invalid dates", () => {
    refusesAtOnce([
      [{ $add: [date("2024-01-01T00:00:00Z"), date("2024-01-01T00:00:00Z")] }, /only one date/, 16612],
      [{ $subtract: [5, date("2024-01-01T00:00:00Z")] }, /can't \$subtract date from int/],
      [{ $year: "2024" }, /is a date, and not a value of type string/, 16006],
      [{ $dateFromParts: { month: 1 } }, /requires 'year' or 'isoWeekYear'/],
      [{ $dateFromParts: { year: 2024, isoWeek: 1 } }, /not some of both/],
      [{ $dateFromParts: { year: 10000 } }, /1 to 9999/],
      [{ $dateFromParts: { year: 2024, month: 1.5 } }, /integer for 'month'/],
      [added("2024-01-01T00:00:00Z", "fortnight", 1), /no unit 'fortnight'/],
      [added("2024-01-01T00:00:00Z", "day", 1.5), /integer for 'amount'/],
      [added("2024-01-01T00:00:00Z", "year", long("9007199254740993")), /out of range/],
      [added("2024-01-01T00:00:00Z", "year", 300000), /beyond the year 275760/],
      [added("+275760-09-13T00:00:00Z", "year", 3, "Europe/Rome"), /beyond the year 275760/],
      [{ $dateTrunc: { date: date("2024-01-01T00:00:00Z"), unit: "day", binSize: 0 } }, /above 0/]
    ])
    failsFor({ tz: 5, z: "+8" }, [
      [{ $hour: { date: date("2024-01-01T00:00:00Z"), timezone: "$tz" } }, /'timezone' that is a string/],
      [{ $hour: { date: date("2024-01-01T00:00:00Z"), timezone: "$z" } }, /unrecognized time zone/]
    ])
  })
})

describe("time zones", () => {
  it("go from local times to instants and back, all year round", () => {
    const random = chance(3)
    for (const name of [
      "Europe/Rome",
      "America/New_York",
      "Australia/Lord_Howe",
      "Asia/Kathmandu",
      "America/Sao_Paulo"
    ]) {
      const zone = zoneOf(name)
      for (let round = 0; round < 300; round++) {
        const instant = Math.floor(random() * 2e12)
        const local = toLocal(zone, instant)
        const back = fromLocal(zone, local)
        // an hour that is there twice is the first one
        if (back !== instant) assert.strictEqual(toLocal(zone, back), local)
        assert.isAtMost(back, instant)
      }
    }
  })

  it("set forward skip an hour, and set back take the first of two", () => {
    const rome = zoneOf("Europe/Rome")
    assert.strictEqual(fromLocal(rome, Date.UTC(2024, 2, 31, 2, 30)), Date.UTC(2024, 2, 31, 1, 30))
    assert.strictEqual(fromLocal(rome, Date.UTC(2024, 9, 27, 2, 30)), Date.UTC(2024, 9, 27, 0, 30))
    assert.strictEqual(fromLocal(rome, Date.UTC(2024, 9, 27, 3, 30)), Date.UTC(2024, 9, 27, 2, 30))
  })

  it("agree with the calendar of JavaScript, also before the year 100", () => {
    const random = chance(5)
    for (let round = 0; round < 1000; round++) {
      const at = Math.floor((random() - 0.5) * 1.2e14)
      const { year, month, day } = calendar.fieldsOf(at)
      assert.strictEqual(millisOf(year, month, day), Math.floor(at / 86400000) * 86400000)
    }
    assert.strictEqual(millisOf(1, 1, 1), Date.parse("0001-01-01T00:00:00Z"))
  })
})
